//! The simulated device's REST interface as any HTTP client sees it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Once;

use reqwest::{Client, Method, Response};
use secrecy::SecretString;
use wanctl_sim::{Quirks, RouterOs, RouterOsServer};
use wanctl_types::Bps;

struct Bench {
    router: RouterOs,
    client: Client,
    server: RouterOsServer,
}

impl Bench {
    async fn new() -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| {
            rustls::crypto::ring::default_provider()
                .install_default()
                .unwrap();
        });
        let router = RouterOs::new();
        router.set_credentials("u", &SecretString::from("p:q".to_owned()));
        router.add_queue("down", Bps::from_mbps(50));
        router.add_mangle_rule("a b+c", true);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = RouterOsServer::start(address, router.clone())
            .await
            .unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        Self {
            router,
            client,
            server,
        }
    }

    async fn ask(&self, method: Method, path: &str, body: &'static str) -> (u16, String) {
        let url = format!("http://{}{path}", self.server.address());
        let request = self
            .client
            .request(method, url)
            .basic_auth("u", Some("p:q"));
        said(request.body(body).send().await.unwrap()).await
    }
}

async fn said(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

#[tokio::test]
async fn nobody_enters_without_credentials() {
    let bench = Bench::new().await;
    let url = format!("http://{}/rest/system/resource", bench.server.address());
    let refused = (401, r#"{"error":401,"message":"Unauthorized"}"#.to_owned());
    let without = bench.client.get(&url).send().await.unwrap();
    assert_eq!(said(without).await, refused);
    let wrong = bench.client.get(&url).basic_auth("u", Some("p"));
    assert_eq!(said(wrong.send().await.unwrap()).await, refused);
    assert_eq!(
        bench.ask(Method::GET, "/rest/system/resource", "").await.0,
        200
    );
    let front = format!("http://{}/", bench.server.address());
    assert_eq!(bench.client.get(front).send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn verbs_have_their_statuses_and_bodies() {
    let bench = Bench::new().await;
    let (status, added) = bench
        .ask(
            Method::PUT,
            "/rest/queue/tree",
            r#"{"name":"up","max-limit":"1M"}"#,
        )
        .await;
    assert_eq!(status, 201);
    assert!(added.starts_with(r#"{".id":"*1000001","#), "{added}");
    let (status, set) = bench
        .ask(
            Method::PATCH,
            "/rest/queue/tree/*1000001",
            r#"{"max-limit":2000}"#,
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(set, added.replace("1000000\"", "2000\""));
    let (status, removed) = bench.ask(Method::DELETE, "/rest/queue/tree/up", "").await;
    assert_eq!((status, removed.as_str()), (204, ""));
    let gone = bench.ask(Method::GET, "/rest/queue/tree/up", "").await;
    assert_eq!(
        gone,
        (404, r#"{"error":404,"message":"Not Found"}"#.to_owned())
    );
    assert_eq!(bench.ask(Method::HEAD, "/rest/queue/tree", "").await.0, 501);
    let (status, broken) = bench.ask(Method::PATCH, "/rest/queue/tree/down", "{").await;
    assert_eq!(status, 400);
    assert!(broken.starts_with(r#"{"detail":""#), "{broken}");
}

#[tokio::test]
async fn spaces_are_percent_encoded_and_a_plus_is_a_plus() {
    let bench = Bench::new().await;
    let found = async |query: &str| {
        let path = format!("/rest/ip/firewall/mangle?.proplist=chain&comment={query}");
        bench.ask(Method::GET, &path, "").await.1
    };
    let rule = r#"[{".id":"*1","chain":"prerouting"}]"#;
    assert_eq!(found("a%20b%2Bc").await, rule);
    assert_eq!(found("a%20b+c").await, rule);
    assert_eq!(found("a+b%2Bc").await, "[]");
}

#[tokio::test]
async fn an_encoded_star_depends_on_the_device() {
    let bench = Bench::new().await;
    let path = "/rest/queue/tree/%2A1000000";
    let (status, refusal) = bench.ask(Method::GET, path, "").await;
    assert_eq!(status, 400);
    assert!(
        refusal.contains("missing or invalid resource identifier"),
        "{refusal}"
    );
    bench.router.set_quirks(Quirks {
        encoded_star_accepted: true,
        ..Quirks::default()
    });
    assert_eq!(bench.ask(Method::GET, path, "").await.0, 200);
}
