//! What an installation of Bookend consists of: from a description to the objects, in the order in which they are applied.

mod admission;
mod capability;
mod chart;
mod controller;
mod definition;
mod enforcer;
mod image;
mod labels;
mod namespace;
mod page;
mod role;

pub use self::admission::{OWN_NODE, by_enforcer};
pub use self::capability::Capability;
pub use self::chart::chart;
pub use self::definition::DEFINITIONS;
pub use self::enforcer::{ADDRESS, PINS, SOCKET, STATE};
pub use self::image::{Image, Unpinned};
pub use self::labels::{INSTALL, Part, labels, selector};
pub use self::page::{Page, Unwritable, base, document, documents, pages};
pub use self::role::{Grant, controller_grants, enforcer_grants};

use serde_json::{Map, Value};

/// The name of the enforcers: of their DaemonSet and their ServiceAccount; their ClusterRole has the namespace behind it.
pub const ENFORCER: &str = "bookend-enforcer";
/// The name of the controller: of its Deployment, its ServiceAccount and its Lease; its ClusterRole has the namespace behind it.
pub const CONTROLLER: &str = "bookend-controller";
/// The namespace of an installation that says no other.
pub const NAMESPACE: &str = "bookend-system";
/// The oldest Kubernetes that takes what is written here: `securityContext.appArmorProfile` came with it.
pub const KUBERNETES: (u32, u32) = (1, 30);

/// What a cluster should run.
#[derive(Clone, Debug, PartialEq)]
pub struct Installation {
    /// Tells several installations apart, in the label `bookend.dev/install`.
    pub name: String,
    /// The definitions of Bookend's kinds, read from [`DEFINITIONS`].
    pub definitions: Vec<Value>,
    /// Where everything lies that lies in a namespace.
    pub namespace: String,
    /// The image with the enforcer, which is the controller's too.
    pub enforcer_image: String,
    /// The image with the filter; without one there is no mesh, and no controller writes filters.
    pub filter_image: Option<String>,
    /// The name of a Secret of the type `kubernetes.io/dockerconfigjson`, with credentials for the images.
    pub pull_secret: Option<String>,
    /// Whether enforcers only tell what they would drop.
    pub audit: bool,
    /// How filters get into Istio's proxies.
    pub istio: Istio,
    /// The enforcers of the nodes.
    pub enforcer: Enforcer,
    /// The controller.
    pub controller: Controller,
    /// The address of the API server for enforcers, `host:port`, where nothing makes the service `kubernetes` reachable before
    /// they run: in clusters without kube-proxy.
    pub api_server: Option<String>,
}

/// How filters get into Istio's proxies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Istio {
    /// By what the cluster has: WasmPlugin, or else TrafficExtension, or else EnvoyFilter.
    #[default]
    Auto,
    /// By WasmPlugin.
    WasmPlugin,
    /// By TrafficExtension.
    TrafficExtension,
    /// By EnvoyFilter alone, for meshes that forbid the others.
    EnvoyFilter,
    /// Not at all: there are no filters.
    None,
}

impl Istio {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Auto, Self::WasmPlugin, Self::TrafficExtension, Self::EnvoyFilter, Self::None];

    /// As a command line says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::WasmPlugin => "wasmplugin",
            Self::TrafficExtension => "trafficextension",
            Self::EnvoyFilter => "envoyfilter",
            Self::None => "none",
        }
    }
}

/// The enforcers of the nodes.
#[derive(Clone, Debug, PartialEq)]
pub struct Enforcer {
    /// Only nodes with these labels.
    pub node_selector: Map<String, Value>,
    /// As in a pod's `tolerations`. By default everything is tolerated: a node without an enforcer has no policy.
    pub tolerations: Value,
    /// As in a container's `resources`.
    pub resources: Value,
    /// How many nodes may be without a running enforcer while they are replaced: a number, or `10%`. What is enforced stays so.
    pub max_unavailable: Value,
    /// The class of the pods' priority.
    pub priority_class: String,
    /// One in so many allowed new connections is told: 1 all, 0 none.
    pub sample: u32,
    /// Whether enforcers ask the proxies of their node's pods which policies they have. It takes two more capabilities.
    pub ask_proxies: bool,
    /// The CNI plugin; nothing where it is not to be installed.
    pub cni: Option<Cni>,
}

/// Where container runtimes look for CNI plugins, on the nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cni {
    /// The directory of the programs.
    pub programs: String,
    /// The directory of the configurations.
    pub configurations: String,
}

/// The controller.
#[derive(Clone, Debug, PartialEq)]
pub struct Controller {
    /// How many pods; one of them leads.
    pub replicas: Value,
    /// Only nodes with these labels.
    pub node_selector: Map<String, Value>,
    /// As in a pod's `tolerations`.
    pub tolerations: Value,
    /// As in a container's `resources`.
    pub resources: Value,
    /// The class of the pods' priority.
    pub priority_class: String,
}

impl Default for Cni {
    fn default() -> Self {
        Self { programs: "/opt/cni/bin".to_owned(), configurations: "/etc/cni/net.d".to_owned() }
    }
}

impl Default for Enforcer {
    fn default() -> Self {
        Self {
            node_selector: Map::from_iter([("kubernetes.io/os".to_owned(), Value::from("linux"))]),
            tolerations: serde_json::json!([{ "operator": "Exists" }]),
            // What 5,000 nodes and 100,000 pods take, and some more. A limit of CPU would slow down what pods wait for.
            resources: serde_json::json!({ "requests": { "cpu": "50m", "memory": "128Mi" }, "limits": { "memory": "512Mi" } }),
            max_unavailable: Value::from("10%"),
            priority_class: "system-node-critical".to_owned(),
            sample: 0,
            ask_proxies: false,
            cni: Some(Cni::default()),
        }
    }
}

impl Default for Controller {
    fn default() -> Self {
        Self {
            replicas: Value::from(2),
            node_selector: Map::from_iter([("kubernetes.io/os".to_owned(), Value::from("linux"))]),
            tolerations: Value::Array(Vec::new()),
            resources: serde_json::json!({ "requests": { "cpu": "50m", "memory": "128Mi" }, "limits": { "memory": "1Gi" } }),
            priority_class: "system-cluster-critical".to_owned(),
        }
    }
}

impl Installation {
    /// One with these images, and everything else as usual.
    pub fn new(
        definitions: Vec<Value>,
        enforcer_image: impl Into<String>,
        filter_image: Option<String>,
    ) -> Self {
        Self {
            name: "bookend".to_owned(),
            definitions,
            namespace: NAMESPACE.to_owned(),
            enforcer_image: enforcer_image.into(),
            istio: if filter_image.is_some() { Istio::Auto } else { Istio::None },
            filter_image,
            pull_secret: None,
            audit: false,
            enforcer: Enforcer::default(),
            controller: Controller::default(),
            api_server: None,
        }
    }

    /// The definitions of Bookend's kinds. They come first: nothing else is understood without them.
    pub fn definitions(&self) -> Vec<Value> {
        definition::definitions(self)
    }

    /// The namespace.
    pub fn namespace(&self) -> Value {
        namespace::namespace(self)
    }

    /// Who Bookend's programs are, and what they may do.
    pub fn access(&self) -> Vec<Value> {
        role::objects(self)
    }

    /// What keeps enforcers from writing about each other's nodes. A cluster that does not serve these kinds goes without.
    pub fn admission(&self) -> Vec<Value> {
        admission::objects(self)
    }

    /// What an object is called that lies in no namespace: another installation has one of its own.
    pub fn global_name(&self, name: &str) -> String {
        format!("{name}.{}", self.namespace)
    }

    /// Bookend's programs.
    pub fn workloads(&self) -> Vec<Value> {
        let mut objects = vec![enforcer::daemon_set(self)];
        objects.extend(controller::objects(self));
        objects
    }

    /// The DaemonSet that takes away, on every node, what the enforcers left there. It has the enforcers' name, so that no node
    /// has both, and everything else from them.
    pub fn leaving(&self) -> Value {
        enforcer::leaving(self)
    }

    /// Everything, in the order in which it is applied.
    pub fn objects(&self) -> Vec<Value> {
        let mut objects = self.definitions();
        objects.push(self.namespace());
        objects.extend(self.access());
        objects.extend(self.admission());
        objects.extend(self.workloads());
        objects
    }
}

#[cfg(test)]
mod tests;
