//! What has to be current in the whole cluster: the filters' configurations, and the status of policies.
#![forbid(unsafe_code)]
