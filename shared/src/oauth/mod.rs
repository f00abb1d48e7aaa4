//! OAuth 2.0 as Blue Button speaks it: requests, scopes, PKCE, clients, grants, codes, tokens.

pub mod access;
mod application;
pub mod authorize;
pub mod client;
mod digest;
mod flow;
mod grant;
pub mod keys;
pub mod pkce;
#[cfg(test)]
mod redirect_mutations;
mod redirect_uri;
pub mod rotation;
mod scopes;
pub mod token;

pub use application::{
    Application, ClientSecret, ClientType, DataAccess, Description, DescriptionTooLong,
};
pub use digest::{hmac_base64url, random_alphanumerics, random_token, sha256_hex};
pub use flow::{
    APPROVAL_SECONDS, Approval, CODE_RETRY_SECONDS, CODE_SECONDS, Code, IssuedAccess, Person,
    REFRESH_RETRY_SECONDS, RefreshToken,
};
pub use grant::Grant;
pub use redirect_uri::{RedirectUri, RedirectUriError};
pub use scopes::{Resource, Scopes};
