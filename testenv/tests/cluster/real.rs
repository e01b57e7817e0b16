//! A real cluster, where there is one: from nothing to enforced policies and back, by the commands of docs/install.md.
//!
//! BOOKEND_E2E=1 asks for it. KUBECONFIG names the cluster, which must have no Bookend yet; BOOKEND_E2E_ENFORCER the enforcer's image, pinned by
//! digest; BOOKEND_E2E_FILTER the filter's, where the cluster has Istio; BOOKEND_E2E_IMAGE an image with BusyBox for the pods. `kubectl` and
//! `bookend` (in BOOKEND_DIST) do the rest.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bookend_testenv::requirement;

/// More than an image takes to be pulled.
const LIMIT: Duration = Duration::from_secs(300);

/// What is asked for by variables; nothing if no cluster is.
struct Wanted {
    enforcer: String,
    filter: Option<String>,
    image: String,
}

impl Wanted {
    fn read() -> Option<Self> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if variable("BOOKEND_E2E").as_deref() != Some("1") {
            eprintln!(
                "*** NOT RUN on a real cluster: BOOKEND_E2E=1, KUBECONFIG and BOOKEND_E2E_ENFORCER ask for it. Namespaces and a \
                 scripted API server stand in for one ***"
            );
            return None;
        }
        assert!(
            variable("KUBECONFIG").is_some(),
            "BOOKEND_E2E=1 asks for a real cluster: name it with KUBECONFIG"
        );
        let enforcer = variable("BOOKEND_E2E_ENFORCER");
        let enforcer =
            enforcer.unwrap_or_else(|| panic!("push an image, and name it with BOOKEND_E2E_ENFORCER"));
        let image =
            variable("BOOKEND_E2E_IMAGE").unwrap_or_else(|| "docker.io/library/busybox:1.36".to_owned());
        Some(Self { enforcer, filter: variable("BOOKEND_E2E_FILTER"), image })
    }
}

/// A namespace of this test's own, and Bookend if it was deployed; all of it gone when dropped.
struct Ground {
    wanted: Wanted,
    namespace: String,
    bookend: PathBuf,
    deployed: bool,
}

/// Runs a command to its end; what it printed, or everything that it said.
fn run(program: &str, arguments: &[&str], input: &str) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cannot run `{program}`: {error}"))?;
    // Whoever reads nothing closes it, and says why.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(printed);
    }
    Err(format!("{program} {}: {printed}{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)))
}

fn fine(told: Result<String, String>) -> String {
    told.unwrap_or_else(|error| panic!("{error}"))
}

impl Ground {
    fn begin(wanted: Wanted) -> Self {
        let bookend = requirement::artifact("bookend").unwrap_or_else(|error| panic!("{error}"));
        let namespace = format!("bookend-e2e-{}", std::process::id());
        fine(run("kubectl", &["create", "namespace", &namespace], ""));
        Self { wanted, namespace, bookend, deployed: false }
    }

    /// Makes a pod of one container that runs a shell command.
    fn pod(&self, name: &str, app: &str, command: &str) {
        let pod = serde_json::json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": { "name": name, "namespace": self.namespace, "labels": { "app": app, "sidecar.istio.io/inject": "false" } },
            "spec": {
                "restartPolicy": "Never", "terminationGracePeriodSeconds": 1,
                "containers": [{ "name": "main", "image": self.wanted.image, "command": ["sh", "-c", command] }],
            },
        });
        fine(run("kubectl", &["apply", "-f", "-"], &pod.to_string()));
    }

    fn field(&self, name: &str, field: &str) -> String {
        let path = format!("jsonpath={{.status.{field}}}");
        fine(run("kubectl", &["get", "pod", name, "--namespace", &self.namespace, "--output", &path], ""))
    }

    fn until(&self, name: &str, field: &str, so: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let value = self.field(name, field);
            if so(&value) {
                return value;
            }
            if begun.elapsed() > LIMIT {
                let told = run("kubectl", &["describe", "pod", name, "--namespace", &self.namespace], "");
                panic!("the pod `{name}` stays {value}: {told:?}");
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// Whether a new pod with this label gets an answer from an address.
    fn gets(&self, name: &str, app: &str, address: &str) -> bool {
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        self.pod(name, app, &format!("wget -T 5 -q -O /dev/null http://{host}:8080/"));
        self.until(name, "phase", |phase| ["Succeeded", "Failed"].contains(&phase)) == "Succeeded"
    }

    fn bookend(&self, arguments: &[&str]) -> Result<String, String> {
        run(&self.bookend.to_string_lossy(), arguments, "")
    }

    fn deploy(&mut self) {
        let policies = format!(
            "apiVersion: bookend.dev/v1alpha1\nkind: Policy\nmetadata: {{ name: e2e, namespace: {} }}\nspec:\n  \
             isolate: [{{ workloads: {{}} }}]\n  allow:\n  - name: web-reads-store\n    \
             from: [{{ workloads: {{ labels: {{ app: web }} }} }}]\n    \
             to: [{{ workloads: {{ labels: {{ app: store }} }} }}]\n    ports: [8080]\n",
            self.namespace
        );
        let file = std::env::temp_dir().join(format!("{}.yaml", self.namespace));
        std::fs::write(&file, policies).unwrap();
        let path = file.to_string_lossy();
        let mut arguments = vec!["deploy", "--enforcer-image", &self.wanted.enforcer, "-f", &path];
        if let Some(filter) = &self.wanted.filter {
            arguments.extend(["--filter-image", filter]);
        }
        let told = self.bookend(&arguments);
        std::fs::remove_file(&file).unwrap();
        // Also what was not completed is to be taken away.
        self.deployed = true;
        eprintln!("{}", fine(told));
    }

    fn uninstall(&mut self) -> Result<String, String> {
        let told = self.bookend(&["uninstall"])?;
        self.deployed = false;
        Ok(told)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if self.deployed
            && let Err(error) = self.uninstall()
        {
            eprintln!("Bookend is still on the cluster: {error}");
        }
        if let Err(error) = run("kubectl", &["delete", "namespace", &self.namespace, "--wait=false"], "") {
            eprintln!("a namespace is still on the cluster: {error}");
        }
    }
}

#[test]
fn a_real_cluster_gets_policies_enforced_and_is_left_as_it_was() {
    let Some(wanted) = Wanted::read() else { return };
    let mut ground = Ground::begin(wanted);
    ground.pod(
        "store",
        "store",
        "mkdir /tmp/www; echo stars > /tmp/www/index.html; httpd -f -p 8080 -h /tmp/www",
    );
    ground.until("store", "phase", |phase| phase == "Running");
    let store = ground.until("store", "podIP", |address| !address.is_empty());
    // Otherwise a refusal would say nothing.
    assert!(ground.gets("stranger-before", "stranger", &store));
    ground.deploy();
    eprintln!("{}", fine(ground.bookend(&["status"])));
    assert!(ground.gets("web", "web", &store));
    assert!(!ground.gets("stranger", "stranger", &store));
    eprintln!("{}", fine(ground.uninstall()));
    assert!(ground.gets("stranger-after", "stranger", &store));
    assert!(run("kubectl", &["get", "namespace", "bookend-system"], "").is_err());
}
