//! A small Hugging Face hub on loopback: the API and `resolve` on one port, and on a second one
//! the content server that large files are redirected to. It keeps a log of what it was asked.

use ring::digest;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The commit that `main` stands at.
pub(crate) const COMMIT: &str = "607a30d783dfa663caf39e06633721c8d4cfcd7e";
/// The commit that the tag `v0.9` stands at; it has the same files.
pub(crate) const OLD_COMMIT: &str = "11c5a3d5811f50298f278a704980280950aedb10";
/// A former name of the repository: redirected to the present one.
pub(crate) const FORMER_NAME: &str = "former-owner/tiny";
/// The repository that exists.
pub(crate) const REPOSITORY: &str = "owner/tiny-fp8";

/// A file of the repository.
#[derive(Clone)]
pub(crate) struct StoredFile {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// In large file storage: redirected to the content server, named by its SHA-256.
    pub(crate) large: bool,
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Whether it came to the content server.
    pub(crate) at_content_server: bool,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
}

/// What the hub has and how it behaves; a test changes it at will.
#[derive(Default)]
pub(crate) struct Behaviour {
    pub(crate) files: Vec<StoredFile>,
    /// Break the next bodies of large files after that many bytes, one entry each.
    pub(crate) breaks: Vec<usize>,
    /// Instead of closing a broken connection, keep it open without sending.
    pub(crate) stall: bool,
    /// Send large files without their length, to the end of the connection.
    pub(crate) hide_length: bool,
    /// Send whole files whatever the Range header says.
    pub(crate) ignore_range: bool,
    /// Announce large files as that much longer than they are.
    pub(crate) announce_more: u64,
    /// Flip a bit in every large file that is sent.
    pub(crate) corrupt: bool,
    /// Answer that many requests with 503.
    pub(crate) busy: u32,
    /// Ask for the licence: 401 without a token, 403 with one.
    pub(crate) gated: bool,
    /// The token that is known; another one is refused.
    pub(crate) known_token: Option<String>,
    /// Further names for the listing.
    pub(crate) listed_too: Vec<String>,
    /// An ETag instead of the right one.
    pub(crate) etag: Option<String>,
    /// Leave `X-Linked-Size` out.
    pub(crate) hide_size: bool,
    pub(crate) log: Vec<Request>,
}

/// A running hub.
pub(crate) struct HubServer {
    pub(crate) endpoint: String,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl HubServer {
    /// A hub with the smallest repository that is a checkpoint in shape.
    pub(crate) fn start() -> Self {
        let small = |name: &str, text: &str| StoredFile {
            name: name.to_owned(),
            bytes: text.as_bytes().to_vec(),
            large: false,
        };
        let large = |name: &str, length: u32| StoredFile {
            name: name.to_owned(),
            bytes: (0..length).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect(),
            large: true,
        };
        let index = r#"{"transformer": ["diffusers", "T"],
            "unconditional_transformer": ["diffusers", "T"]}"#;
        let shards = r#"{"weight_map": {"a": "w-00001-of-00002.safetensors",
            "b": "w-00002-of-00002.safetensors"}}"#;
        let files = vec![
            small(".gitattributes", "*.safetensors filter=lfs"),
            small("README.md", "a picture of a repository"),
            large("assets/grid.png", 5_000),
            small("model_index.json", index),
            small("scheduler/scheduler_config.json", "{}"),
            small("text_encoder/config.json", r#"{"part": "text encoder"}"#),
            large("text_encoder/model.safetensors", 30_000),
            large("tokenizer/tokenizer.json", 20_000),
            small("tokenizer/chat_template.jinja", "{{ prompt }}"),
            small("transformer/config.json", r#"{"part": "transformer"}"#),
            large("transformer/w-00001-of-00002.safetensors", 400_000),
            large("transformer/w-00002-of-00002.safetensors", 100_001),
            small("transformer/w.safetensors.index.json", shards),
            // The same content as the other's: one blob.
            small("unconditional_transformer/config.json", r#"{"part": "transformer"}"#),
            large("unconditional_transformer/diffusion_pytorch_model.safetensors", 60_000),
            small("vae/config.json", r#"{"part": "vae"}"#),
            large("vae/diffusion_pytorch_model.safetensors", 10_000),
        ];
        let behaviour = Arc::new(Mutex::new(Behaviour { files, ..Behaviour::default() }));
        let content = TcpListener::bind("127.0.0.1:0").unwrap();
        let hub = TcpListener::bind("127.0.0.1:0").unwrap();
        let content_address = format!("http://{}", content.local_addr().unwrap());
        let endpoint = format!("http://{}", hub.local_addr().unwrap());
        for (listener, at_content_server) in [(hub, false), (content, true)] {
            let behaviour = behaviour.clone();
            let content_address = content_address.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let (behaviour, address) = (behaviour.clone(), content_address.clone());
                    std::thread::spawn(move || {
                        // A client that went away is its own affair.
                        let _ = answer(stream, &behaviour, &address, at_content_server);
                    });
                }
            });
        }
        Self { endpoint, behaviour }
    }

    /// The behaviour, to change or to read.
    pub(crate) fn now(&self) -> MutexGuard<'_, Behaviour> {
        self.behaviour.lock().unwrap()
    }

    /// A file that the repository has.
    pub(crate) fn file(&self, name: &str) -> StoredFile {
        self.now().files.iter().find(|file| file.name == name).unwrap().clone()
    }

    /// Every request so far.
    pub(crate) fn log(&self) -> Vec<Request> {
        self.now().log.clone()
    }

    /// GET requests at the content server for the file.
    pub(crate) fn content_requests(&self, name: &str) -> Vec<Request> {
        let path = format!("/content/{name}");
        let mut log = self.log();
        log.retain(|request| request.at_content_server && request.path == path);
        log
    }
}

/// The ETag that the hub gives: SHA-256 of a large file, git's hash of another.
pub(crate) fn etag(file: &StoredFile) -> String {
    let hash = if file.large {
        digest::digest(&digest::SHA256, &file.bytes)
    } else {
        let mut object = format!("blob {}\0", file.bytes.len()).into_bytes();
        object.extend_from_slice(&file.bytes);
        digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &object)
    };
    hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read_request(stream: &TcpStream, at_content_server: bool) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let mut words = first.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (mut range, mut authorization) = (None, None);
    for line in lines {
        let line = line?;
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("range") => {
                range = Some(value.trim().to_owned());
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                authorization = Some(value.trim().to_owned());
            }
            Some(_) => {}
            None => break,
        }
    }
    Ok(Request { at_content_server, method, path, range, authorization })
}

fn answer(
    mut stream: TcpStream,
    behaviour: &Mutex<Behaviour>,
    content_address: &str,
    at_content_server: bool,
) -> std::io::Result<()> {
    let request = read_request(&stream, at_content_server)?;
    let mut behaviour = behaviour.lock().unwrap();
    behaviour.log.push(request.clone());
    if behaviour.busy > 0 {
        behaviour.busy -= 1;
        return reply(&mut stream, "503 Service Unavailable", &[], b"");
    }
    if at_content_server {
        return content(stream, behaviour, &request);
    }
    let token = request.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
    if token.is_some() && token != behaviour.known_token.as_deref() {
        let message = ("X-Error-Message", "Invalid credentials in Authorization header".to_owned());
        return reply(&mut stream, "401 Unauthorized", &[message], b"");
    }
    if request.path.contains(FORMER_NAME) {
        let present = ("Location", request.path.replace(FORMER_NAME, REPOSITORY));
        return reply(&mut stream, "307 Temporary Redirect", &[present], b"renamed");
    }
    let api = format!("/api/models/{REPOSITORY}/revision/");
    let resolve = format!("/{REPOSITORY}/resolve/");
    if let Some(revision) = request.path.strip_prefix(&api) {
        let commit = match revision {
            "main" | COMMIT => COMMIT,
            "v0.9" | "refs%2Fpr%2F1" | OLD_COMMIT => OLD_COMMIT,
            _ => {
                let code = ("X-Error-Code", "RevisionNotFound".to_owned());
                return reply(&mut stream, "404 Not Found", &[code], b"{}");
            }
        };
        let names = behaviour.files.iter().map(|file| &file.name).chain(&behaviour.listed_too);
        let siblings: Vec<_> = names.map(|n| serde_json::json!({ "rfilename": n })).collect();
        let listing = serde_json::json!({ "id": REPOSITORY, "sha": commit, "siblings": siblings });
        let json = ("Content-Type", "application/json".to_owned());
        return reply(&mut stream, "200 OK", &[json], listing.to_string().as_bytes());
    }
    let Some((commit, name)) = request.path.strip_prefix(&resolve).and_then(|p| p.split_once('/'))
    else {
        // As the hub answers to a name that does not exist.
        let (status, code) = match token {
            None => ("401 Unauthorized", ("X-Error-Message", "Invalid username".to_owned())),
            Some(_) => ("404 Not Found", ("X-Error-Code", "RepoNotFound".to_owned())),
        };
        return reply(&mut stream, status, &[code], b"");
    };
    if behaviour.gated {
        let status = if token.is_none() { "401 Unauthorized" } else { "403 Forbidden" };
        return reply(&mut stream, status, &[("X-Error-Code", "GatedRepo".to_owned())], b"");
    }
    let Some(file) = behaviour.files.iter().find(|file| file.name == name) else {
        let code = ("X-Error-Code", "EntryNotFound".to_owned());
        return reply(&mut stream, "404 Not Found", &[code], b"");
    };
    let etag = behaviour.etag.clone().unwrap_or_else(|| etag(file));
    let mut headers = vec![("X-Repo-Commit", commit.to_owned())];
    if file.large {
        let size = file.bytes.len() as u64 + behaviour.announce_more;
        headers.push(("X-Linked-Etag", format!("\"{etag}\"")));
        if !behaviour.hide_size {
            headers.push(("X-Linked-Size", size.to_string()));
        }
        headers.push(("Location", format!("{content_address}/content/{name}")));
        reply(&mut stream, "302 Found", &headers, b"on to the content server")
    } else {
        headers.push(("ETag", format!("W/\"{etag}\"")));
        let bytes = file.bytes.clone();
        if request.method == "HEAD" {
            headers.push(("Content-Length", bytes.len().to_string()));
            return reply_head(&mut stream, "200 OK", &headers);
        }
        reply(&mut stream, "200 OK", &headers, &bytes)
    }
}

fn content(
    mut stream: TcpStream,
    mut behaviour: MutexGuard<'_, Behaviour>,
    request: &Request,
) -> std::io::Result<()> {
    let name = request.path.trim_start_matches("/content/");
    let mut bytes = behaviour.files.iter().find(|file| file.name == name).unwrap().bytes.clone();
    if behaviour.corrupt {
        bytes[7] ^= 1;
    }
    let length = bytes.len();
    let range = request.range.as_deref().filter(|_| !behaviour.ignore_range);
    let start = range.map(|range| {
        range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse::<usize>().unwrap()
    });
    let mut headers = vec![("ETag", "\"the content server's own\"".to_owned())];
    let status = match start {
        Some(start) if start >= length => {
            let range = ("Content-Range", format!("bytes */{length}"));
            return reply(&mut stream, "416 Range Not Satisfiable", &[range], b"");
        }
        Some(start) => {
            let range = format!("bytes {start}-{}/{length}", length - 1);
            headers.push(("Content-Range", range));
            "206 Partial Content"
        }
        None => "200 OK",
    };
    let bytes = &bytes[start.unwrap_or(0)..];
    let stop = (!behaviour.breaks.is_empty()).then(|| behaviour.breaks.remove(0));
    let (stall, hide_length) = (behaviour.stall, behaviour.hide_length);
    drop(behaviour);
    if !hide_length {
        headers.push(("Content-Length", bytes.len().to_string()));
    }
    reply_head(&mut stream, status, &headers)?;
    let stop = stop.unwrap_or(bytes.len()).min(bytes.len());
    stream.write_all(&bytes[..stop])?;
    if stall && stop < bytes.len() {
        std::thread::sleep(Duration::from_secs(5));
    }
    stream.shutdown(Shutdown::Both)
}

fn reply(
    stream: &mut TcpStream,
    status: &str,
    headers: &[(&str, String)],
    body: &[u8],
) -> std::io::Result<()> {
    let mut headers = headers.to_vec();
    headers.push(("Content-Length", body.len().to_string()));
    reply_head(stream, status, &headers)?;
    stream.write_all(body)
}

fn reply_head(
    stream: &mut TcpStream,
    status: &str,
    headers: &[(&str, String)],
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes())
}
