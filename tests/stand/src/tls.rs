//! TLS in front of doubles of services, with a certificate of an authority that nobody else trusts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs, io, thread};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use uuid::Uuid;

/// The name that the certificate is for.
const NAME: &str = "localhost";
/// Where Debian and its like keep what the system trusts; Lambda's bundle holds about as many certificates.
const SYSTEM_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// An authority, its one certificate, and the file with which programs trust it (`SSL_CERT_FILE`).
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    trusted: PathBuf,
}

impl Tls {
    /// Makes both, and the file: what the system trusts, and the authority.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn new() -> io::Result<Self> {
        let (authority, chain, key) = certify().map_err(io::Error::other)?;
        let trusted = env::temp_dir().join(format!("stand-{}.pem", Uuid::new_v4()));
        let system = fs::read_to_string(SYSTEM_BUNDLE).unwrap_or_default();
        fs::write(&trusted, system + &authority)?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                config
                    .with_no_client_auth()
                    .with_single_cert(vec![chain], key)
            })
            .map_err(io::Error::other)?;
        Ok(Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            trusted,
        })
    }

    /// The file of certificates to trust.
    pub(crate) fn trusted(&self) -> String {
        self.trusted.display().to_string()
    }

    /// An `https` origin that passes everything on to this `http` one.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(crate) fn in_front_of(&self, origin: &str) -> io::Result<String> {
        let address = origin
            .strip_prefix("http://")
            .ok_or(io::ErrorKind::InvalidInput)?;
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let acceptor = self.acceptor.clone();
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_io().build()?;
        // Whoever waits for a program does so on the thread of the test.
        thread::spawn(move || runtime.block_on(serve(listener, acceptor, address)));
        Ok(format!("https://{NAME}:{port}"))
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.trusted);
    }
}

/// The authority in PEM, and a certificate of it with its key.
fn certify() -> Result<(String, CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?.pem();
    let key = KeyPair::generate()?;
    let issuer = Issuer::new(authority, authority_key);
    let certificate = CertificateParams::new([NAME.to_owned()])?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Ok((root, certificate.der().clone(), key))
}

async fn serve(
    listener: std::net::TcpListener,
    acceptor: TlsAcceptor,
    address: SocketAddr,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (connection, _) = listener.accept().await?;
        connection.set_nodelay(true)?;
        let accepted = acceptor.accept(connection);
        tokio::spawn(async move {
            let mut outside = accepted.await?;
            let mut inside = TcpStream::connect(address).await?;
            inside.set_nodelay(true)?;
            tokio::io::copy_bidirectional(&mut outside, &mut inside).await
        });
    }
}
