use bookend_engine::Configuration;
use bookend_lang::{Source, compile};
use serde_json::Value;

use super::*;

const POLICIES: &str = r#"
apiVersion: bookend.dev/v1alpha1
kind: Policy
metadata: { name: shop, namespace: shop }
spec:
  priority: -1000000
  isolate: [{ workloads: {}, directions: [ingress] }]
  allow:
  - name: till
    from: [{ workloads: { namespace: bank, labels: { app: till } } }, { principals: ["spiffe://partner/*"], not: [{ cidr: 10.0.0.0/8 }] }]
    to: [{ workloads: {} }]
    ports: [http, 8080]
    http: [{ methods: [GET], paths: ["/é/{id}"], headers: [{ name: x-a, exact: ['"\'] }] }]
---
apiVersion: bookend.dev/v1alpha1
kind: Inventory
metadata: { name: all }
spec:
  workloads:
  - { name: shop, namespace: shop, serviceAccount: shop, labels: { app: shop }, proxy: true, instances: [{ addresses: [10.0.1.1] }] }
  - { name: till, namespace: bank, serviceAccount: bank, labels: { app: till }, proxy: true, instances: [{ addresses: [10.0.3.1] }] }
  - { name: door, namespace: bank, serviceAccount: bank, labels: { app: door }, proxy: true, instances: [{ addresses: [10.0.3.2] }] }
"#;

fn configuration() -> Configuration {
    let compiled = compile(&[Source::new("all", POLICIES.as_bytes())]).unwrap();
    compiled.configuration().for_namespace("shop")
}

fn pull() -> Pull {
    let image = format!("registry.example/bookend/filter@sha256:{}", "ab".repeat(32));
    Pull { image: Image::read(&image).unwrap(), secret: Some("registry".to_owned()) }
}

fn objects(means: Means, root: bool, gateways: &[Gateway]) -> Vec<Value> {
    let (configuration, pull) = (configuration(), pull());
    let mesh = Mesh {
        install: "bookend",
        namespace: "shop",
        root,
        gateways,
        pull: &pull,
        configuration: &configuration,
        policies: "0123456789ab",
        means,
        envoy_filters: true,
    };
    mesh.objects().unwrap().into_iter().map(|(_, object)| object).collect()
}

fn gateways() -> [Gateway; 2] {
    [Gateway::Istio("ingressgateway".to_owned()), Gateway::Api("public".to_owned())]
}

fn names(objects: &[Value]) -> Vec<String> {
    let text = |object: &Value, place: &str| object.pointer(place).unwrap().as_str().unwrap().to_owned();
    objects.iter().map(|o| format!("{} {}", text(o, "/kind"), text(o, "/metadata/name"))).collect()
}

#[test]
fn a_configuration_is_read_from_a_plugin_as_it_was_written() {
    for means in [Means::WasmPlugin, Means::TrafficExtension] {
        let objects = objects(means, false, &[]);
        let plugin = objects.last().unwrap();
        let place = if means == Means::WasmPlugin { "/spec/pluginConfig" } else { "/spec/wasm/pluginConfig" };
        let told = plugin.pointer(place).unwrap().to_string();
        assert_eq!(Configuration::from_json(told.as_bytes()).unwrap(), configuration());
    }
}

#[test]
fn a_configuration_is_read_from_an_envoy_filter_as_it_was_written() {
    let mut found = 0;
    for object in objects(Means::EnvoyFilter, false, &[]) {
        for patch in object.pointer("/spec/configPatches").unwrap().as_array().unwrap() {
            let place = "/patch/value/typed_config/config/configuration/value";
            let Some(text) = patch.pointer(place) else { continue };
            assert_eq!(Configuration::from_json(text.as_str().unwrap().as_bytes()).unwrap(), configuration());
            found += 1;
        }
    }
    assert_eq!(found, 2, "of requests and of streams");
}

/// Whoever merges objects takes `null` for "leave out", but not inside of lists, which are taken whole.
#[test]
fn nothing_is_null_outside_of_lists() {
    fn outside(value: &Value) -> bool {
        match value {
            Value::Null => true,
            Value::Object(fields) => fields.values().any(outside),
            _ => false,
        }
    }
    for means in [Means::WasmPlugin, Means::TrafficExtension, Means::EnvoyFilter] {
        for object in objects(means, false, &gateways()) {
            assert!(!outside(&object), "{object:#}");
        }
    }
}

#[test]
fn sidecars_get_what_comes_in_and_gateways_their_own() {
    let objects = objects(Means::WasmPlugin, false, &gateways());
    assert_eq!(
        names(&objects),
        [
            "EnvoyFilter bookend-connections",
            "EnvoyFilter bookend-streams",
            "WasmPlugin bookend",
            "WasmPlugin bookend-ingressgateway",
            "WasmPlugin bookend-gateway-public",
        ]
    );
    let modes: Vec<_> = objects.iter().filter_map(|object| object.pointer("/spec/match/0/mode")).collect();
    assert_eq!(modes, ["SERVER", "CLIENT", "CLIENT"]);
    assert!(
        objects[2].pointer("/spec/selector").is_none() && objects[2].pointer("/spec/targetRefs").is_none()
    );
    assert_eq!(objects[3].pointer("/spec/selector/matchLabels/istio").unwrap(), "ingressgateway");
    assert_eq!(objects[4].pointer("/spec/targetRefs/0/name").unwrap(), "public");
    for plugin in &objects[2..] {
        assert_eq!(plugin.pointer("/spec/failStrategy").unwrap(), "FAIL_CLOSE");
        assert_eq!(plugin.pointer("/spec/phase").unwrap(), "AUTHZ");
        assert_eq!(plugin.pointer("/spec/sha256").unwrap(), &"ab".repeat(32));
        assert_eq!(plugin.pointer("/spec/imagePullSecret").unwrap(), "registry");
        assert!(
            plugin.pointer("/spec/url").unwrap().as_str().unwrap().starts_with("oci://registry.example/")
        );
    }
}

#[test]
fn nothing_in_the_root_namespace_is_for_the_whole_mesh() {
    for means in [Means::WasmPlugin, Means::TrafficExtension, Means::EnvoyFilter] {
        assert_eq!(objects(means, true, &[]), Vec::<Value>::new());
        for object in objects(means, true, &gateways()) {
            let spec = object.get("spec").unwrap();
            let whom = ["selector", "targetRefs", "workloadSelector"];
            assert!(whom.iter().any(|field| spec.get(*field).is_some()), "{object:#}");
        }
    }
}

#[test]
fn whatever_refuses_to_come_is_denied_by_default() {
    let objects = objects(Means::EnvoyFilter, false, &[]);
    let text = Value::from(objects).to_string();
    assert_eq!(text.matches(r#""default_config":{"@type""#).count(), 4, "both layers in both contexts");
    assert_eq!(text.matches(r#""rules":{"action":"ALLOW","policies":{}}"#).count(), 4);
}

#[test]
fn what_does_not_fit_into_an_object_is_refused_with_a_cure() {
    let workloads: Vec<String> = (0..2_000_u32)
        .map(|number| {
            let addresses: Vec<String> =
                (0..40).map(|host| format!("\"11.{}.{}.{host}\"", number / 256, number % 256)).collect();
            let addresses = addresses.join(", ");
            format!(
                "  - {{ name: w{number}, namespace: bank, serviceAccount: all, labels: {{ app: {} }}, instances: [{{ addresses: [{addresses}] }}] }}",
                if number % 2 == 0 { "till" } else { "door" },
            )
        })
        .collect();
    let text = format!("{POLICIES}{}\n", workloads.join("\n"));
    let compiled = compile(&[Source::new("all", text.as_bytes())]).unwrap();
    let (configuration, pull) = (compiled.configuration().for_namespace("shop"), pull());
    let mesh = Mesh {
        install: "bookend",
        namespace: "shop",
        root: false,
        gateways: &[],
        pull: &pull,
        configuration: &configuration,
        policies: "",
        means: Means::WasmPlugin,
        envoy_filters: false,
    };
    let refused = mesh.objects().unwrap_err().to_string();
    assert!(refused.contains("`shop`") && refused.contains("80003 addresses"), "{refused}");
    assert!(refused.contains("service accounts of their own"), "{refused}");
}
