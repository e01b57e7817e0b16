//! Kubeconfigs as people have them.

use super::*;

/// A directory of its own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("bookend-access-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn kubeconfig(context: &str, server: &str, extra: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: {context}\n\
         clusters:\n- name: {context}\n  cluster: {{ server: \"{server}\"{extra} }}\n\
         users:\n- name: {context}\n  user: {{ token: secret }}\n\
         contexts:\n- name: {context}\n  context: {{ cluster: {context}, user: {context}, namespace: shop }}\n"
    )
}

async fn config_of(path: PathBuf, context: Option<&str>) -> Result<Config, Trouble> {
    Access { kubeconfig: Some(path), context: context.map(str::to_owned) }.config().await
}

#[tokio::test]
async fn a_context_names_the_cluster_and_the_namespace() {
    let place = Place::new("context");
    let file = place.file("config", &kubeconfig("lab", "https://192.0.2.1:6443", ""));
    let config = config_of(file, None).await.unwrap();
    assert_eq!(config.cluster_url.to_string(), "https://192.0.2.1:6443/");
    assert_eq!(config.default_namespace, "shop");
}

#[tokio::test]
async fn an_unknown_context_is_told_with_a_way_to_see_which_there_are() {
    let place = Place::new("unknown");
    let file = place.file("config", &kubeconfig("lab", "https://192.0.2.1:6443", ""));
    let trouble = config_of(file, Some("prod")).await.unwrap_err();
    assert_eq!(
        trouble.to_string(),
        "the kubeconfig has no context `prod`; see which there are with `kubectl config get-contexts`"
    );
}

#[tokio::test]
async fn a_file_that_is_missing_or_broken_is_named() {
    let place = Place::new("broken");
    let missing = config_of(place.0.join("none"), None).await.unwrap_err().to_string();
    assert!(missing.contains("cannot read the kubeconfig") && missing.contains("/none`"), "{missing}");
    let broken = place.file("config", "clusters: {");
    let broken = config_of(broken, None).await.unwrap_err().to_string();
    assert!(broken.contains("makes no sense"), "{broken}");
}

#[tokio::test]
async fn a_certificate_authority_that_is_missing_is_named() {
    let place = Place::new("authority");
    let text = kubeconfig("lab", "https://192.0.2.1:6443", ", certificate-authority: nowhere.pem");
    let trouble = config_of(place.file("config", &text), None).await.unwrap_err().to_string();
    assert!(
        trouble.contains("cannot read the certificate authority") && trouble.contains("nowhere.pem"),
        "{trouble}"
    );
}

#[test]
fn the_first_file_of_a_list_wins_and_missing_ones_are_left_out() {
    let place = Place::new("list");
    let first = place.file("a", &kubeconfig("lab", "https://192.0.2.1:6443", ""));
    let second = place.file("b", &kubeconfig("prod", "https://192.0.2.2:6443", ""));
    let list = std::env::join_paths([place.0.join("none"), first, second]).unwrap();
    let whole = merged(&list).unwrap();
    assert_eq!(whole.current_context.as_deref(), Some("lab"));
    assert_eq!(whole.contexts.len(), 2);
    let none = std::env::join_paths([place.0.join("x"), place.0.join("y")]).unwrap();
    assert!(merged(&none).unwrap_err().to_string().starts_with("none of the files in KUBECONFIG exists"));
}

#[tokio::test]
async fn a_program_for_credentials_that_fails_is_told_with_what_it_said() {
    let place = Place::new("program");
    let text = kubeconfig("lab", "https://192.0.2.1:6443", "").replace(
        "{ token: secret }",
        "{ exec: { apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: sh, args: [-c, 'echo log in first >&2; exit 3'] } }",
    );
    let access = Access { kubeconfig: Some(place.file("config", &text)), context: None };
    let trouble = crate::Cluster::connect(&access).await.unwrap_err().to_string();
    assert!(trouble.contains("ended with code 3: log in first"), "{trouble}");
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let place = Place::new("nobody");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let file = place.file("config", &kubeconfig("lab", &format!("http://127.0.0.1:{port}"), ""));
    let cluster = crate::Cluster::connect(&Access { kubeconfig: Some(file), context: None }).await.unwrap();
    let trouble = cluster.version().await.unwrap_err();
    assert_eq!(
        trouble.to_string(),
        format!(
            "cannot reach the API server at http://127.0.0.1:{port}: connection refused; check the network, and `--context` or KUBECONFIG"
        )
    );
    assert!(trouble.is_transient());
}
