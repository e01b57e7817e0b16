//! Who is believed to be a registry.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::Trouble;

/// The system's authorities, and those of a file.
///
/// # Errors
/// When the file cannot be read or has no certificate.
pub(super) fn trust(file: Option<&Path>) -> Result<ClientConfig, Trouble> {
    let mut roots = RootCertStore::empty();
    // A machine without any, or with a broken one among hundreds, is no reason to refuse what needs none of them.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = file {
        let bad = |reason: String| Trouble::Authorities { path: path.to_owned(), reason };
        let text = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        let before = roots.len();
        for certificate in CertificateDer::pem_slice_iter(&text) {
            let certificate = certificate.map_err(|error| bad(error.to_string()))?;
            roots.add(certificate).map_err(|error| bad(error.to_string()))?;
        }
        if roots.len() == before {
            return Err(bad("there is no certificate in it".to_owned()));
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = versions
        .map_err(|error| Trouble::Garbage { registry: "TLS".to_owned(), reason: error.to_string() })?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
