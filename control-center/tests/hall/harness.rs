//! One hall for one test: started in a folder of its own on free ports, killed at the end.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use models_wire::v1;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_control-center");

pub struct Hall {
    pub dir: Arc<tempfile::TempDir>,
    pub child: Child,
    pub http: SocketAddr,
    pub bus: SocketAddr,
    /// Printed at first start only.
    pub password: Option<String>,
}

/// An answer over plain HTTP/1.1.
pub struct Answer {
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |line: &'_ &str| line.split_once(':').is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
        self.head.lines().find(named).map(|line| line.split_once(':').unwrap().1.trim())
    }

    /// The gRPC status, in the head or in the trailer frame of gRPC-Web.
    pub fn grpc_status(&self) -> String {
        if let Some(status) = self.header("grpc-status") {
            return status.to_owned();
        }
        let text = String::from_utf8_lossy(&self.body);
        let rest = text.rsplit_once("grpc-status:").map(|(_, rest)| rest).unwrap_or("none");
        rest.trim_start().chars().take_while(char::is_ascii_digit).collect()
    }
}

impl Hall {
    pub fn start() -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        write_config(dir.path(), "127.0.0.1:0", "127.0.0.1:0");
        Self::start_in(dir, &[])
    }

    pub fn start_in(dir: Arc<tempfile::TempDir>, more: &[&str]) -> Self {
        let log = fs::File::options().create(true).append(true).open(dir.path().join("log")).unwrap();
        let mut child = Command::new(PROGRAM)
            .args(["serve", "--config"])
            .arg(dir.path().join("hall.toml"))
            .args(more)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let (mut password, mut ready) = (None, None);
        for line in BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok) {
            if let Some((_, word)) = line.split_once("Password ") {
                password = Some(word.trim().to_owned());
            }
            if line.starts_with('{') {
                ready = Some(serde_json::from_str::<serde_json::Value>(&line).unwrap());
                break;
            }
        }
        let ready =
            ready.unwrap_or_else(|| panic!("{}", fs::read_to_string(dir.path().join("log")).unwrap()));
        let address = |key: &str, before: &str| {
            let text = ready[key].as_str()?.strip_prefix(before)?;
            text.parse().ok()
        };
        let http = address("https", "https://").or_else(|| address("http", "http://")).unwrap();
        let bus = address("bus", "tls/").unwrap();
        Self { dir, child, http, bus, password }
    }

    /// The same data and ports, after SIGKILL.
    pub fn kill_and_start(mut self) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        write_config(self.dir.path(), &self.http.to_string(), &self.bus.to_string());
        let mut next = Self::start_in(self.dir.clone(), &[]);
        next.password = self.password.clone();
        next
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    pub fn ca(&self) -> PathBuf {
        self.dir.path().join("data/tls/ca.pem")
    }

    pub fn run(&self, args: &[&str]) -> String {
        let mut command = Command::new(PROGRAM);
        let out = command.args(args).arg("--config").arg(self.dir.path().join("hall.toml"));
        let out = out.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// What a command that must fail says.
    pub fn fail(&self, args: &[&str]) -> String {
        let mut command = Command::new(PROGRAM);
        let out = command.args(args).arg("--config").arg(self.dir.path().join("hall.toml"));
        let out = out.output().unwrap();
        assert!(!out.status.success(), "it must fail: {args:?}");
        String::from_utf8_lossy(&out.stderr).into_owned()
    }

    pub async fn channel(&self) -> Channel {
        let ca = Certificate::from_pem(fs::read(self.ca()).unwrap());
        let tls = ClientTlsConfig::new().ca_certificate(ca);
        let endpoint =
            Endpoint::from_shared(format!("https://{}", self.http)).unwrap().tls_config(tls).unwrap();
        endpoint.connect().await.unwrap()
    }

    /// Signs in as the administrator; the token.
    pub async fn token(&self) -> String {
        let mut client = v1::session_service_client::SessionServiceClient::new(self.channel().await);
        let password = self.password.clone().unwrap();
        let request = v1::SignInRequest { name: "admin".into(), password };
        client.sign_in(request).await.unwrap().into_inner().token
    }

    /// One HTTP/1.1 request over TLS.
    pub async fn http(&self, request: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.ca()).unwrap()).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let tcp = tokio::net::TcpStream::connect(self.http).await.unwrap();
        let name = ServerName::IpAddress(self.http.ip().into());
        let mut tls = TlsConnector::from(Arc::new(config)).connect(name, tcp).await.unwrap();
        let mut head = format!("{request} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.http);
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        tls.write_all(head.as_bytes()).await.unwrap();
        tls.write_all(body).await.unwrap();
        let mut answer = Vec::new();
        // Some servers close without a last word of TLS.
        drop(tls.read_to_end(&mut answer).await);
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n").expect("a head") + 4;
        Answer { head: String::from_utf8_lossy(&answer[..end]).into_owned(), body: answer[end..].to_vec() }
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.http(&format!("GET {path}"), headers, b"").await
    }

    /// A call as a browser makes it.
    pub async fn grpc_web(&self, method: &str, message: &impl Message, headers: &[(&str, &str)]) -> Answer {
        let bytes = message.encode_to_vec();
        let mut body = vec![0];
        body.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        body.extend(bytes);
        let mut all = vec![("content-type", "application/grpc-web+proto")];
        all.extend_from_slice(headers);
        self.http(&format!("POST {method}"), &all, &body).await
    }
}

impl Drop for Hall {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn write_config(dir: &Path, http: &str, bus: &str) {
    let text = format!("[hall]\ndata_dir = \"data\"\nlisten = \"{http}\"\n[bus]\nlisten = \"{bus}\"\n");
    fs::write(dir.join("hall.toml"), text).unwrap();
}

/// A request that carries the token.
pub fn with<T>(token: &str, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}
