//! Whichever source was asked for.

use super::{Files, Health, Kubernetes, Reading, Source};
use crate::report::Known;
use std::time::Duration;

/// Files, or a cluster.
pub enum Any {
    /// Files.
    Files(Box<Files>),
    /// A cluster, and perhaps files.
    Kubernetes(Box<Kubernetes>),
}

impl Source for Any {
    async fn next(&mut self) -> std::io::Result<()> {
        match self {
            Self::Files(files) => files.next().await,
            Self::Kubernetes(cluster) => cluster.next().await,
        }
    }

    fn read(&mut self) -> Reading<'_> {
        match self {
            Self::Files(files) => files.read(),
            Self::Kubernetes(cluster) => cluster.read(),
        }
    }

    fn last(&self) -> Reading<'_> {
        match self {
            Self::Files(files) => files.last(),
            Self::Kubernetes(cluster) => cluster.last(),
        }
    }

    fn worked(&mut self, took: Duration) {
        if let Self::Kubernetes(cluster) = self {
            cluster.worked(took);
        }
    }

    fn health(&mut self) -> &Health {
        match self {
            Self::Files(files) => files.health(),
            Self::Kubernetes(cluster) => cluster.health(),
        }
    }

    fn known(&mut self) -> Option<Known> {
        match self {
            Self::Files(_) => None,
            Self::Kubernetes(cluster) => cluster.known(),
        }
    }
}
