//! A real browser signs in and consents: Chromium, driven by the W3C WebDriver protocol.

use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::Agent;
use url::Url;

use crate::client::{AuthorizationRequest, Person, Sandbox, parameter};

#[test]
fn a_person_signs_in_and_connects_an_app_in_a_browser() {
    let Some(sandbox) = Sandbox::running() else {
        return;
    };
    let Some(driver) = Driver::start() else {
        return;
    };
    let application = sandbox.application(0);
    let request = AuthorizationRequest::new();
    let person = Person::synthetic(14);

    driver.open(
        sandbox
            .authorize_url(2, &application, &request, None)
            .as_str(),
    );
    driver.screenshot("login.png");
    driver.type_into("#username-textbox", &person.username);
    driver.type_into("#password-textbox", "not the password");
    driver.click("#login-button");
    assert!(
        driver.exists("#username-textbox"),
        "a wrong password shows the page again"
    );
    driver.screenshot("login-refused.png");
    driver.clear("#username-textbox");
    driver.type_into("#username-textbox", &person.username);
    driver.type_into("#password-textbox", &person.password);
    driver.click("#login-button");

    for id in [
        "#authorizationForm",
        "#connect_app",
        "#radio_1",
        "#permission_expire_info",
        "#approve",
        "#deny",
    ] {
        assert!(driver.exists(id), "the consent page has {id}");
    }
    driver.screenshot("consent.png");
    driver.click("#approve");
    let callback = driver.wait_for_url(&application.redirect_uri);
    assert_eq!(
        parameter(&callback, "state").as_deref(),
        Some(request.state.as_str())
    );
    let code = parameter(&callback, "code").expect("the browser reached the app with a code");
    let tokens = sandbox.token(&[
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &application.redirect_uri),
        ("code_verifier", &request.code_verifier),
        ("client_id", &application.client_id),
        ("client_secret", &application.client_secret),
    ]);
    assert_eq!(
        tokens.json()["patient"],
        person.patient.as_str(),
        "{}",
        tokens.body
    );
}

/// ChromeDriver with one session of headless Chromium; both end with the value.
struct Driver {
    process: Child,
    session_url: String,
    agent: Agent,
}

const WAIT_SECONDS_MAX: u64 = 20;

impl Driver {
    fn start() -> Option<Self> {
        let (chromedriver, chromium) = (find("chromedriver"), find("chromium"));
        let (Some(chromedriver), Some(chromium)) = (chromedriver, chromium) else {
            assert!(
                env::var_os("REQUIRE_ALL").is_none(),
                "chromium and chromedriver are required and not on PATH"
            );
            eprintln!(
                "skipped: needs chromium and chromedriver (Debian: chromium, chromium-driver)"
            );
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new(chromedriver)
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut driver = Self {
            process,
            session_url: format!("http://127.0.0.1:{port}/session"),
            agent,
        };
        let profile = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chromium-profile");
        fs::remove_dir_all(&profile).ok();
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--window-size=900,1100",
        ];
        let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let options = json!({"binary": chromium, "args": arguments});
        let session = wait_until(|| {
            let body = json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}});
            driver
                .agent
                .post(&driver.session_url)
                .send_json(&body)
                .ok()?
                .body_mut()
                .read_json::<Value>()
                .ok()
        })
        .expect("ChromeDriver answers");
        let id = session["value"]["sessionId"]
            .as_str()
            .unwrap_or_else(|| panic!("no session: {session}"));
        driver.session_url = format!("{}/{id}", driver.session_url);
        Some(driver)
    }

    fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    fn click(&self, selector: &str) {
        let element = self
            .element(selector)
            .unwrap_or_else(|| panic!("no {selector} on the page"));
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    fn clear(&self, selector: &str) {
        let element = self
            .element(selector)
            .unwrap_or_else(|| panic!("no {selector} on the page"));
        self.post(&format!("/element/{element}/clear"), &json!({}));
    }

    fn type_into(&self, selector: &str, text: &str) {
        let element = self
            .element(selector)
            .unwrap_or_else(|| panic!("no {selector} on the page"));
        self.post(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    fn exists(&self, selector: &str) -> bool {
        wait_until(|| self.element(selector)).is_some()
    }

    /// Waits until the browser is at an address that begins so, whether or not anything listens there.
    fn wait_for_url(&self, prefix: &str) -> Url {
        let url = wait_until(|| {
            let url = self.get("/url")["value"].as_str()?.to_owned();
            url.starts_with(prefix).then_some(url)
        });
        let url = url.unwrap_or_else(|| panic!("the browser stays at {}", self.get("/url")));
        Url::parse(&url).unwrap()
    }

    /// Keeps a picture of the page beside the test's other output, for people to look at.
    fn screenshot(&self, name: &str) {
        let picture = self.get("/screenshot");
        let bytes = STANDARD
            .decode(picture["value"].as_str().expect("a picture"))
            .unwrap();
        fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), bytes).unwrap();
    }

    fn element(&self, selector: &str) -> Option<String> {
        const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
        let found = self.post(
            "/element",
            &json!({"using": "css selector", "value": selector}),
        );
        found["value"][ELEMENT].as_str().map(str::to_owned)
    }

    fn get(&self, path: &str) -> Value {
        let mut response = self
            .agent
            .get(format!("{}{path}", self.session_url))
            .call()
            .unwrap();
        response
            .body_mut()
            .with_config()
            .limit(32 << 20)
            .read_json()
            .unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let mut response = self
            .agent
            .post(format!("{}{path}", self.session_url))
            .send_json(body)
            .unwrap();
        response.body_mut().read_json().unwrap()
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.agent.delete(&self.session_url).call().ok();
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn wait_until<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(WAIT_SECONDS_MAX);
    loop {
        if let Some(value) = attempt() {
            return Some(value);
        }
        if Instant::now() > end {
            return None;
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn find(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}
