//! Certificates as Istio issues them: one authority, one SPIFFE id per service account.

use std::net::IpAddr;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};

use crate::error::{Doing, Result};

/// Signs the certificates of one world.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// A certificate and its key, both PEM.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl Authority {
    /// A new authority with a new key.
    pub fn new() -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::OrganizationName, "cluster.local");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().doing("make the authority's key")?;
        let certificate = params.self_signed(&key).doing("sign the authority's certificate")?.pem();
        Ok(Self { issuer: Issuer::new(params, key), certificate })
    }

    /// The authority's certificate, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Issues a certificate whose only name is `spiffe_id`, valid for both ends of a connection.
    pub fn issue(&self, spiffe_id: &str) -> Result<Identity> {
        self.issue_to_all(&[spiffe_id])
    }

    /// Issues a certificate whose only names are `spiffe_ids`, which is more than Istio ever issues.
    pub fn issue_to_all(&self, spiffe_ids: &[&str]) -> Result<Identity> {
        let mut params = CertificateParams::default();
        // Istio leaves the subject empty; the SPIFFE id is the only name.
        params.distinguished_name = rcgen::DistinguishedName::new();
        for spiffe_id in spiffe_ids {
            let name = Ia5String::try_from(*spiffe_id).doing(format!("use `{spiffe_id}` as a URI"))?;
            params.subject_alt_names.push(SanType::URI(name));
        }
        self.sign(params, &format!("{spiffe_ids:?}"))
    }

    /// Issues a certificate for a server that is known by host names and addresses, as an API server is.
    pub fn issue_server(&self, names: &[&str], addresses: &[IpAddr]) -> Result<Identity> {
        let mut params = CertificateParams::default();
        for name in names {
            let name = Ia5String::try_from(*name).doing(format!("use `{name}` as a host name"))?;
            params.subject_alt_names.push(SanType::DnsName(name));
        }
        params.subject_alt_names.extend(addresses.iter().copied().map(SanType::IpAddress));
        self.sign(params, &format!("{names:?}"))
    }

    fn sign(&self, mut params: CertificateParams, whose: &str) -> Result<Identity> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().doing("make a key")?;
        let certificate =
            params.signed_by(&key, &self.issuer).doing(format!("sign the certificate of {whose}"))?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }
}
