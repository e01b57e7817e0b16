//! Files as a source.

use super::texts::Texts;
use super::{Health, Reading, Said, Source, Warnings};
use crate::input::{Complaint, Input};
use bookend_lang::{Compiler, Source as Text};

/// Policy and inventory files.
pub struct Files {
    texts: Texts,
    compiler: Compiler,
    last: Option<Vec<Text>>,
    /// What is wrong with what was read last; nothing before the first time.
    wrong: Option<Vec<Complaint>>,
    warnings: Warnings,
    health: Health,
}

impl Files {
    /// Watches the files of `input`; whatever happens to them from now on is noticed.
    ///
    /// # Errors
    /// If the kernel cannot watch anything.
    pub fn new(input: Input) -> std::io::Result<Self> {
        Ok(Self {
            texts: Texts::new(input)?,
            compiler: Compiler::default(),
            last: None,
            wrong: None,
            warnings: Warnings::default(),
            health: Health::default(),
        })
    }
}

impl Source for Files {
    async fn next(&mut self) -> std::io::Result<()> {
        self.texts.next().await
    }

    fn read(&mut self) -> Reading<'_> {
        match self.texts.read() {
            Ok(texts) => {
                let differs = self.last.as_ref() != Some(&texts);
                self.health.note(None, differs);
                let complaints = |all: &[_]| -> Vec<Complaint> {
                    all.iter().map(|diagnostic| Complaint::of_diagnostic(diagnostic, &texts)).collect()
                };
                let compiled = self.compiler.compile(&texts);
                let (wrong, warnings) = match &compiled {
                    Ok(compiled) => (Vec::new(), complaints(&compiled.warnings)),
                    Err(refused) => (complaints(&refused.diagnostics), Vec::new()),
                };
                self.wrong = Some(wrong);
                self.warnings = Warnings { complaints: warnings, may_be_empty: false };
                self.last = Some(texts);
            }
            Err(complaints) => {
                self.health.note(Some(&complaints), false);
                self.wrong = Some(complaints);
            }
        }
        self.last()
    }

    fn last(&self) -> Reading<'_> {
        let said = match &self.wrong {
            None => Said::Nothing("the files were not read yet".to_owned()),
            Some(wrong) if wrong.is_empty() => {
                Said::Documents(self.compiler.compiled(), self.warnings.clone())
            }
            Some(wrong) => Said::Wrong(wrong.clone()),
        };
        Reading { revision: self.health.revision, said }
    }

    fn health(&mut self) -> &Health {
        &self.health
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;
    use std::time::Duration;

    /// Whether the files could be read, whatever they say.
    fn is_read(files: &mut Files) -> bool {
        files.read();
        files.health.error.is_none()
    }

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("bkd-source-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    fn within<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(20), work).await.unwrap() })
    }

    #[test]
    fn a_file_that_is_replaced_by_another_is_read_at_once_and_the_revision_counts_what_differs() {
        let base = directory("rename");
        let file = base.join("policy.yaml");
        std::fs::write(&file, "one").unwrap();
        within(async {
            let mut files = Files::new(Input { policy: vec![file.clone()], inventory: Vec::new() }).unwrap();
            assert_eq!(files.read().revision, 1);
            assert_eq!(files.read().revision, 1);
            let draft = base.join("draft");
            std::fs::write(&draft, "two").unwrap();
            std::fs::rename(&draft, &file).unwrap();
            files.next().await.unwrap();
            assert_eq!(files.read().revision, 2);
            assert!(files.health().last_read.is_some() && files.health().error.is_none());
            std::fs::remove_file(&file).unwrap();
            files.next().await.unwrap();
            assert!(!is_read(&mut files));
            assert!(files.health().error.as_ref().unwrap().contains("cannot be read"));
        });
        std::fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn a_directory_that_comes_later_and_a_link_that_is_exchanged_are_noticed() {
        let base = directory("later");
        let file = base.join("there").join("policy.yaml");
        within(async {
            let mut files = Files::new(Input { policy: vec![file.clone()], inventory: Vec::new() }).unwrap();
            assert!(!is_read(&mut files));
            for version in ["one", "two"] {
                std::fs::create_dir_all(base.join(version)).unwrap();
                std::fs::write(base.join(version).join("policy.yaml"), version).unwrap();
                let link = base.join("link");
                std::os::unix::fs::symlink(version, &link).unwrap();
                std::fs::rename(&link, base.join("there")).unwrap();
                files.next().await.unwrap();
                assert!(is_read(&mut files));
            }
            assert_eq!(files.health().revision, 2);
        });
        std::fs::remove_dir_all(&base).unwrap();
    }
}
