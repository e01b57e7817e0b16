//! Bookinfo in namespaces behind real Envoys, and a cluster's API server that says who runs there: what is told over the wire is what
//! the proxies enforce, while pods change, vanish, come back and the policy is edited, and while the API server is away.

mod cluster;

use serde_json::json;

use cluster::Cluster;

#[test]
fn proxies_enforce_what_the_cluster_says_while_pods_come_change_and_go() {
    let mut cluster = Cluster::begin();
    // The policy is stored and enforced: v2 shows stars, v1 does not, and nobody else gets any.
    assert!(cluster.reads_ratings("reviews-v2"));
    assert!(!cluster.reads_ratings("reviews-v1"));
    assert!(!cluster.dials_ratings("intruder"));

    // A pod's labels change: it is somebody else at the next request.
    cluster.label("reviews-v1", &json!({ "version": "v2" }));
    cluster.until_it_reads_ratings("reviews-v1", true);
    cluster.label("reviews-v1", &json!({ "version": "v1" }));
    cluster.until_it_reads_ratings("reviews-v1", false);

    // A pod vanishes: its certificate and its address are still there, but nobody is known to have them.
    cluster.vanish("reviews-v2");
    cluster.until_it_reads_ratings("reviews-v2", false);
    assert!(cluster.reads_ratings("reviews-v3"));
    // And comes back, as another object.
    cluster.appear("reviews-v2");
    cluster.until_it_reads_ratings("reviews-v2", true);

    // Its address moves to a pod with other labels.
    cluster.vanish("reviews-v3");
    cluster.appear_as("reviews-v3", "another", &json!({ "app": "reviews", "version": "v1" }));
    cluster.until_it_reads_ratings("reviews-v3", false);

    // The policy is edited, and edited back.
    cluster.edit("values: [v2, v3]", "values: [v9]");
    cluster.until_it_reads_ratings("reviews-v2", false);
    cluster.edit("values: [v9]", "values: [v2, v3]");
    cluster.until_it_reads_ratings("reviews-v2", true);

    // The API server is away: what was said last stays, and what changes meanwhile follows when it is back.
    cluster.server.go_away();
    cluster.label("reviews-v1", &json!({ "version": "v3" }));
    cluster.server.forget();
    cluster.let_pass();
    assert!(cluster.reads_ratings("reviews-v2"));
    assert!(!cluster.reads_ratings("reviews-v1"));
    cluster.server.come_back();
    cluster.until_it_reads_ratings("reviews-v1", true);
}
