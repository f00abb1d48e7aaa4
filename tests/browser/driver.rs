//! Chromium, driven by the W3C WebDriver protocol.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::Agent;
use url::Url;

/// Keys as WebDriver spells them (W3C WebDriver section 17.4.2).
pub(crate) const TAB: char = '\u{E004}';
pub(crate) const ENTER: char = '\u{E007}';
pub(crate) const SPACE: char = ' ';

/// ChromeDriver with one session of headless Chromium; both end with the value.
pub(crate) struct Driver {
    process: Child,
    /// Open as long as ChromeDriver may write there.
    _said: BufReader<ChildStdout>,
    session_url: String,
    agent: Agent,
    profile: PathBuf,
}

const WAIT_SECONDS_MAX: u64 = 120;

impl Driver {
    /// A browser of its own; `None`, and a line that says so, where there is none.
    pub(crate) fn start() -> Option<Self> {
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
        let mut process = Command::new(chromedriver)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(process.stdout.take().unwrap());
        let port = port_of(&mut said);
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let profile =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("chromium-{}", process.id()));
        // What a browser of that number left.
        fs::remove_dir_all(&profile).ok();
        let mut driver = Self {
            process,
            _said: said,
            session_url: format!("http://127.0.0.1:{port}/session"),
            agent,
            profile: profile.clone(),
        };
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
            "--hide-scrollbars",
            "--window-size=900,1100",
        ];
        let mut arguments: Vec<String> = arguments.into_iter().map(str::to_owned).collect();
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let options = json!({"binary": chromium, "args": arguments});
        let session = wait_until(|| {
            let body = json!({"capabilities": {"alwaysMatch": {
                "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"},
            }}});
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

    pub(crate) fn open(&self, url: &str) {
        self.post("/url", &json!({"url": url}));
    }

    pub(crate) fn click(&self, selector: &str) {
        let element = self
            .element(selector)
            .unwrap_or_else(|| panic!("no {selector} on the page"));
        self.post(&format!("/element/{element}/click"), &json!({}));
    }

    /// Clicks what leads to another page, and waits until that page is loaded.
    pub(crate) fn follow(&self, selector: &str) {
        self.leave(|| self.click(selector));
    }

    /// Takes a step that leads to another page, and waits until that page is loaded. A click or a key by itself may end
    /// while the page that it leaves is still there, because a form is sent after the event that sends it.
    pub(crate) fn leave(&self, step: impl FnOnce()) {
        let page = self.element("html").expect("a page");
        step();
        let name = format!("/element/{page}/name");
        let is_left = wait_until(|| self.get(&name)["value"]["error"].is_string().then_some(()));
        assert!(
            is_left.is_some(),
            "the browser stays at {}",
            self.get("/url")
        );
        let is_loaded = || self.run("return document.readyState === 'complete'") == true;
        assert!(wait_until(|| is_loaded().then_some(())).is_some());
    }

    pub(crate) fn clear(&self, selector: &str) {
        let element = self
            .element(selector)
            .unwrap_or_else(|| panic!("no {selector} on the page"));
        self.post(&format!("/element/{element}/clear"), &json!({}));
    }

    pub(crate) fn type_into(&self, selector: &str, text: &str) {
        let element = self
            .element(selector)
            .unwrap_or_else(|| panic!("no {selector} on the page"));
        self.post(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    pub(crate) fn exists(&self, selector: &str) -> bool {
        wait_until(|| self.element(selector)).is_some()
    }

    /// Waits until the browser is at an address that begins so, whether or not anything listens there.
    pub(crate) fn wait_for_url(&self, prefix: &str) -> Url {
        let url = wait_until(|| {
            let url = self.get("/url")["value"].as_str()?.to_owned();
            url.starts_with(prefix).then_some(url)
        });
        let url = url.unwrap_or_else(|| panic!("the browser stays at {}", self.get("/url")));
        Url::parse(&url).unwrap()
    }

    /// What a script gives back. The page's content security policy does not reach it.
    pub(crate) fn run(&self, script: &str) -> Value {
        self.run_with(script, &json!([]))
    }

    /// The same with arguments.
    pub(crate) fn run_with(&self, script: &str, arguments: &Value) -> Value {
        let body = json!({"script": script, "args": arguments});
        self.post("/execute/sync", &body)["value"].take()
    }

    /// What a script gives to the function that is its last argument.
    pub(crate) fn run_async(&self, script: &str) -> Value {
        let body = json!({"script": script, "args": []});
        self.post("/execute/async", &body)["value"].take()
    }

    /// Presses keys one after the other, as on a keyboard, wherever the focus is.
    pub(crate) fn press(&self, keys: impl IntoIterator<Item = char>) {
        let presses = keys.into_iter().flat_map(|key| {
            [
                json!({"type": "keyDown", "value": key}),
                json!({"type": "keyUp", "value": key}),
            ]
        });
        let presses: Vec<Value> = presses.collect();
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": presses});
        self.post("/actions", &json!({"actions": [keyboard]}));
    }

    /// A window of that many CSS pixels. 320 is what a window of 1280 has at 400 % zoom (WCAG 2.2, 1.4.10).
    pub(crate) fn set_width(&self, width: u32) {
        let metrics =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.command("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Sets media features, such as `forced-colors`.
    pub(crate) fn set_media(&self, features: &[(&str, &str)]) {
        let feature = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
        let features: Vec<Value> = features.iter().map(feature).collect();
        self.command("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// What the browser wrote into its console since it was last asked, but for the status of pages that are an error.
    pub(crate) fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({"type": "browser"}));
        let entries = entries["value"].as_array().cloned().unwrap_or_default();
        let message = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        let is_status = |text: &String| text.contains("the server responded with a status of");
        entries
            .iter()
            .map(message)
            .filter(|text| !is_status(text))
            .collect()
    }

    /// Keeps a picture of the whole page, however long it is.
    pub(crate) fn picture(&self, name: &str) {
        let picture = self.command(
            "Page.captureScreenshot",
            &json!({"captureBeyondViewport": true}),
        );
        let bytes = STANDARD
            .decode(picture["value"]["data"].as_str().expect("a picture"))
            .unwrap();
        fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), bytes).unwrap();
    }

    /// A command of Chromium's own protocol.
    fn command(&self, name: &str, parameters: &Value) -> Value {
        let body = json!({"cmd": name, "params": parameters});
        let answer = self.post("/goog/cdp/execute", &body);
        assert!(answer["value"]["error"].is_null(), "{name}: {answer}");
        answer
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
        fs::remove_dir_all(&self.profile).ok();
    }
}

/// The port that ChromeDriver says that it listens on: no other program can have taken it.
fn port_of(said: &mut impl BufRead) -> u16 {
    let port = said.lines().find_map(|line| {
        let line = line.unwrap();
        let (_, port) = line.split_once("started successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    port.expect("ChromeDriver starts")
}

/// What an attempt gives, as soon as it gives something.
pub(crate) fn wait_until<T>(mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
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
