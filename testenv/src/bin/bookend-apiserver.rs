//! `bookend-apiserver`: the scripted API server by hand.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bookend_testenv::apiserver::{ApiServer, Crowd, Fate, Pods};
use bookend_testenv::error::{Doing, Error, Result};
use clap::Parser;
use serde_json::Value;

/// Answers as a Kubernetes API server does, until it is ended, and writes a kubeconfig that leads to it.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Where to write the kubeconfig; in the current directory if it is not said
    #[arg(long, value_name = "FILE", default_value = "kubeconfig")]
    kubeconfig: PathBuf,
    /// The port for HTTPS on loopback; any if it is not said
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Objects that are there from the beginning, CRDs first: files of YAML, or directories with such
    #[arg(long, value_name = "PATH")]
    objects: Vec<PathBuf>,
    /// A node on which DaemonSets and Deployments make pods
    #[arg(long, value_name = "NAME=ADDRESS")]
    node: Vec<String>,
    /// Lets no image of pods be pulled whose name has this in it
    #[arg(long, value_name = "PART")]
    missing_image: Vec<String>,
    /// A cluster that is made up besides
    #[arg(long, value_name = "NODESxPODS")]
    crowd: Option<String>,
    /// How many of its pods change each second
    #[arg(long, default_value_t = 0, requires = "crowd")]
    changes: u32,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bookend-apiserver: {error}");
            ExitCode::from(1)
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    let server = ApiServer::builder().port(arguments.port).start()?;
    for path in files(&arguments.objects)? {
        let text = std::fs::read_to_string(&path).doing(format!("read `{}`", path.display()))?;
        let objects: Vec<Value> =
            serde_saphyr::from_multiple(&text).doing(format!("read `{}` as YAML", path.display()))?;
        for object in objects.into_iter().filter(|object| !object.is_null()) {
            server.put(object)?;
        }
    }
    for part in &arguments.missing_image {
        server.fate(Pods::all().image(part), Fate::ErrImagePull);
    }
    for node in &arguments.node {
        let (name, address) = node
            .split_once('=')
            .ok_or_else(|| Error::new(format!("`{node}` is no node")).cure("write NAME=ADDRESS"))?;
        server.node(name, address)?;
    }
    server.write_kubeconfig(&arguments.kubeconfig)?;
    println!("{}", server.https());
    println!("{}", server.http());
    let crowd = arguments.crowd.as_deref().map(crowd).transpose()?;
    if let Some(crowd) = &crowd {
        crowd.settle(&server);
        println!("the crowd is there");
    }
    loop {
        match &crowd {
            Some(crowd) if arguments.changes > 0 => {
                crowd.churn(&server, arguments.changes, Duration::from_secs(3600))?;
            }
            _ => std::thread::park(),
        }
    }
}

fn crowd(text: &str) -> Result<Crowd> {
    let wrong = || Error::new(format!("`{text}` is no crowd")).cure("write NODESxPODS, such as 5000x100000");
    let (nodes, pods) = text.split_once('x').ok_or_else(wrong)?;
    Ok(Crowd::new(nodes.parse().map_err(|_| wrong())?, pods.parse().map_err(|_| wrong())?))
}

/// The files that are named and those in named directories; CRDs, which others need, first.
fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let entries = std::fs::read_dir(path).doing(format!("read `{}`", path.display()))?;
        let yaml = |path: &Path| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        let mut found: Vec<_> =
            entries.flatten().map(|entry| entry.path()).filter(|path| yaml(path)).collect();
        found.sort();
        files.extend(found);
    }
    let defines = |path: &PathBuf| {
        std::fs::read_to_string(path).is_ok_and(|text| text.contains("kind: CustomResourceDefinition"))
    };
    files.sort_by_key(|path| !defines(path));
    Ok(files)
}
