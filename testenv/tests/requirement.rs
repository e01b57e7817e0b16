//! What the demo says when the machine lacks something: one sentence, and the cure.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// The demo where everybody may execute it, gone with the value.
struct Demo(PathBuf);

impl Demo {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("bookend-demo-{}", std::process::id()));
        std::fs::copy(env!("CARGO_BIN_EXE_bookend-demo"), &path).unwrap();
        Self(path)
    }

    fn complains(&self, prepare: impl FnOnce(&mut Command) -> &mut Command, sentence: &str) {
        let mut command = Command::new(&self.0);
        prepare(command.arg("world").current_dir("/"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), format!("bookend-demo: {sentence}"));
        assert!(output.stdout.is_empty());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

// One test, not two side by side: a program cannot start while a process that another thread just forked still has the
// copy open for writing.
#[test]
fn what_the_machine_lacks_is_said_in_one_sentence() {
    let demo = Demo::new();
    let sentence = "network namespaces need root: run this again as root, for example with sudo";
    demo.complains(|command| command.uid(65534).gid(65534), sentence);
    let sentence = "`BOOKEND_ENVOY` names `/nowhere/envoy`, which is no file: correct or unset it";
    demo.complains(|command| command.env("BOOKEND_ENVOY", "/nowhere/envoy"), sentence);
}
