//! A host with workloads behind veths, and a real enforcer.

use crate::namespace::Namespace;
use crate::traffic::until;
use aya::maps::{HashMap, Map, MapData};
use bookend_abi::table::Interface;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Web may ask store on TCP 5432 and UDP 53, and nothing else may happen.
pub(crate) const POLICY: &str = "\
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: shop, namespace: default }
spec:
  isolate:
  - workloads: {}
  allow:
  - name: web-asks-store
    from: [{ workloads: { labels: { app: web } } }]
    to: [{ workloads: { labels: { app: store } } }]
    ports: [5432, { port: 53, protocol: UDP }]
";

pub(crate) struct World {
    pub(crate) host: Namespace,
    pub(crate) web: Namespace,
    pub(crate) store: Namespace,
    pub(crate) late: Namespace,
    directory: PathBuf,
    pins: PathBuf,
    object: PathBuf,
    enforcer: Option<Child>,
}

/// Number of the workload behind a namespace: its addresses are 10.77.n.2 and fd77:n::2.
const WEB: u8 = 1;
const STORE: u8 = 2;
const LATE: u8 = 3;

pub(crate) fn v4(workload: u8) -> IpAddr {
    [10, 77, workload, 2].into()
}

pub(crate) fn v6(workload: u8) -> IpAddr {
    format!("fd77:{workload}::2").parse().unwrap()
}

pub(crate) fn store4() -> IpAddr {
    v4(STORE)
}

pub(crate) fn store6() -> IpAddr {
    v6(STORE)
}

pub(crate) fn web4() -> IpAddr {
    v4(WEB)
}

pub(crate) fn late4() -> IpAddr {
    v4(LATE)
}

impl World {
    /// A world without an enforcer; `None` where the kernel programs cannot be tested.
    pub(crate) fn new() -> Option<Self> {
        static WORLDS: AtomicU32 = AtomicU32::new(0);
        let object = crate::object()?;
        let id = format!("bkd-k-{}-{}", std::process::id(), WORLDS.fetch_add(1, Ordering::Relaxed));
        let namespace = |name: &str| Namespace::new(format!("{id}-{name}"));
        let directory = std::env::temp_dir().join(&id);
        std::fs::create_dir_all(&directory).unwrap();
        let world = Self {
            host: namespace("host"),
            web: namespace("web"),
            store: namespace("store"),
            late: namespace("late"),
            pins: Path::new("/sys/fs/bpf").join(&id),
            directory,
            object,
            enforcer: None,
        };
        world.host.inside(|| {
            for setting in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
                // /proc/sys/net shows the namespace of whoever opens it.
                std::fs::write(format!("/proc/sys/net/{setting}"), "1").unwrap();
            }
        });
        // Link-local addresses usable at once, so that neighbors are found at once.
        for namespace in [&world.host, &world.web, &world.store, &world.late] {
            namespace.inside(|| std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").unwrap());
        }
        world.plug(&world.web, "web", WEB);
        world.plug(&world.store, "store", STORE);
        world.write("policy.yaml", POLICY);
        let mut inventory = String::from(
            "apiVersion: bookend.dev/v1alpha1\nkind: Inventory\nmetadata: { name: test }\nspec:\n  workloads:\n",
        );
        for (name, n) in [("web", WEB), ("store", STORE), ("late", LATE)] {
            inventory.push_str(&format!(
                "  - name: {name}\n    namespace: default\n    labels: {{ app: {name} }}\n    proxy: false\n    \
                 instances: [{{ addresses: [{}, \"{}\"], interface: h-{name} }}]\n",
                v4(n),
                v6(n)
            ));
        }
        world.write("inventory.yaml", &inventory);
        Some(world)
    }

    /// Connects the namespace of workload `n` to the host by a veth whose host side is `h-<name>`.
    fn plug(&self, namespace: &Namespace, name: &str, n: u8) {
        self.host.ip(&format!("link add h-{name} type veth peer name eth0 netns {}", namespace.0));
        self.host.ip(&format!("addr add 10.77.{n}.1/24 dev h-{name}"));
        self.host.ip(&format!("-6 addr add fd77:{n}::1/64 dev h-{name} nodad"));
        self.host.ip(&format!("link set h-{name} up"));
        namespace.ip(&format!("addr add 10.77.{n}.2/24 dev eth0"));
        namespace.ip(&format!("-6 addr add fd77:{n}::2/64 dev eth0 nodad"));
        namespace.ip("link set eth0 up");
        namespace.ip(&format!("route add default via 10.77.{n}.1"));
        namespace.ip(&format!("-6 route add default via fd77:{n}::1"));
    }

    /// The late workload's interface appears.
    pub(crate) fn plug_late(&self) {
        self.plug(&self.late, "late", LATE);
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file as an editor does: beside it, then renamed over it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let draft = self.path("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, self.path(name)).unwrap();
    }

    /// Everything in the journal so far.
    pub(crate) fn journal(&self) -> String {
        std::fs::read_to_string(self.path("events.json")).unwrap_or_default()
    }

    /// Everything the enforcer has said.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.path("stderr")).unwrap_or_default()
    }

    fn command(&self, action: &str) -> Command {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_bookend-enforcer"));
        command.arg(action).arg("--pin-dir").arg(&self.pins).arg("--state-dir").arg(&self.directory);
        command
    }

    /// Starts an enforcer without waiting.
    pub(crate) fn launch(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("stderr")).unwrap();
        let _ = std::fs::remove_file(self.path("ready"));
        let mut command = self.command("run");
        command
            .arg("--policy")
            .arg(self.path("policy.yaml"))
            .arg("--inventory")
            .arg(self.path("inventory.yaml"));
        command.arg("--object").arg(&self.object).arg("--events").arg(self.path("events.json"));
        command.arg("--ready-file").arg(self.path("ready")).stderr(Stdio::from(log));
        self.enforcer = Some(command.spawn().unwrap());
    }

    /// Starts an enforcer that cannot work; its exit code and what it says.
    pub(crate) fn attempt(&self, options: &[&str], object: &str) -> (Option<i32>, String) {
        let mut command = self.host.command(env!("CARGO_BIN_EXE_bookend-enforcer"));
        command.arg("run").arg("--policy").arg(self.path("policy.yaml"));
        command.arg("--inventory").arg(self.path("inventory.yaml")).args(["--object", object]);
        command.arg("--ready-file").arg(self.path("ready"));
        if options.is_empty() {
            command.arg("--pin-dir").arg(&self.pins);
        }
        let output = command.args(options).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts an enforcer that finds no `nft`; its exit code and what it says.
    pub(crate) fn attempt_without_nft(&self) -> (Option<i32>, String) {
        let mut command = self.host.command("env");
        command.args(["PATH=/nonexistent", env!("CARGO_BIN_EXE_bookend-enforcer"), "run", "--policy"]);
        command.arg(self.path("policy.yaml")).arg("--inventory").arg(self.path("inventory.yaml"));
        command.arg("--object").arg(&self.object).arg("--pin-dir").arg(&self.pins);
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Starts an enforcer and waits until it enforces.
    pub(crate) fn enforce(&mut self) {
        self.launch();
        until("the enforcer is ready", || {
            let ended = self.enforcer.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the enforcer ended: {}", self.said());
            self.path("ready").exists()
        });
    }

    /// Waits for the enforcer to end by itself; its exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.enforcer.take().unwrap().wait().unwrap().code()
    }

    /// Takes the running enforcer aside, to start another.
    pub(crate) fn hold(&mut self) -> Child {
        self.enforcer.take().unwrap()
    }

    pub(crate) fn give_back(&mut self, enforcer: Child) {
        self.enforcer = Some(enforcer);
    }

    /// Kills the enforcer so that it cannot clean up.
    pub(crate) fn kill(&mut self) {
        let mut enforcer = self.enforcer.take().unwrap();
        enforcer.kill().unwrap();
        enforcer.wait().unwrap();
    }

    /// `bookend-enforcer status`.
    pub(crate) fn status(&self, format: &str) -> String {
        let output = self.command("status").args(["-o", format]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// `bookend-enforcer detach`.
    pub(crate) fn detach(&self) {
        let output = self.command("detach").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Whether anything is pinned.
    pub(crate) fn is_pinned(&self) -> bool {
        self.pins.exists()
    }

    /// Leaves no room in the table of interfaces, with entries of interfaces that do not exist.
    pub(crate) fn fill_interfaces(&self) {
        let map = Map::from_map_data(MapData::from_pin(self.pins.join("interfaces")).unwrap()).unwrap();
        let mut map: HashMap<MapData, u32, [u8; size_of::<Interface>()]> = map.try_into().unwrap();
        let nobody = 1_000_000..;
        for ifindex in nobody {
            if map.insert(ifindex, [0; _], 0).is_err() {
                return;
            }
        }
    }

    /// Sends an Ethernet frame from the web workload through a packet socket, as its root can: past its own IP stack
    /// and firewall.
    pub(crate) fn send_raw(&self, packet: &[u8], ethertype: u16) {
        let script = "import socket, sys\n\
            s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n\
            s.bind(('eth0', 0))\n\
            mac = open(sys.argv[1]).read().strip() if sys.argv[1].startswith('/') else sys.argv[1]\n\
            to = bytes.fromhex(mac.replace(':', ''))\n\
            s.send(to + s.getsockname()[4] + bytes.fromhex(sys.argv[2]))\n";
        let link =
            Command::new("ip").args(["-n", &self.host.0, "-br", "link", "show", "h-web"]).output().unwrap();
        let link = String::from_utf8(link.stdout).unwrap();
        let mac = link.split_whitespace().nth(2).unwrap().to_owned();
        let hex: String =
            ethertype.to_be_bytes().iter().chain(packet).map(|byte| format!("{byte:02x}")).collect();
        let status = self.web.command("python3").args(["-c", script, &mac, &hex]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut enforcer) = self.enforcer.take() {
            let _ = enforcer.kill();
            let _ = enforcer.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the enforcer said:\n{}--- the journal:\n{}", self.said(), self.journal());
        }
        let _ = self.command("detach").output();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
