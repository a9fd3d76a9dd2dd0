//! Who may say what: the name of each certificate is bound to the keys of one gateway, everything else is refused.
//!
//! The rules are zenoh's own access control in the hall's router. Its flows are seen from there: *ingress* is what a
//! gateway sends, *egress* what it is sent. zenoh compares whole names and knows no pattern with the name in it, so every
//! gateway has a rule and a subject of its own, and it reads them only when it opens.

use hardware_ports::bus::BusError;
use serde_json::{Value, json};
use zenoh::key_expr::KeyExpr;

/// What a hall lets onto its bus besides the authority's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Whoever has a certificate of this city may say and ask everything. For tests and measurements.
    Everybody,
    Granted(Grants),
}

/// The gateways that may speak.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Grants {
    /// What the hall subscribes to over all gateways, such as `city/v1/*/events`. A gateway learns of no other wish, and
    /// zenoh sends only what somebody wishes: [`ZenohBus`] refuses a subscription that is not here.
    ///
    /// [`ZenohBus`]: crate::ZenohBus
    pub hall_hears: Vec<String>,
    pub gateways: Vec<Grant>,
}

/// One gateway: it may put, subscribe, answer and announce itself on keys below `prefix`, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The common name of its certificate.
    pub certificate: String,
    /// Such as `city/v1/pole-17`, without wildcards.
    pub prefix: String,
}

impl Access {
    /// Whether a session with this certificate may do anything.
    pub(crate) fn admits(&self, certificate: Option<&str>) -> bool {
        match self {
            Self::Everybody => true,
            Self::Granted(grants) => {
                grants.gateways.iter().any(|g| Some(g.certificate.as_str()) == certificate)
            }
        }
    }

    /// # Errors
    /// [`BusError`] when the hall subscribes to what no gateway would be told of: it would hear nothing and not know why.
    pub(crate) fn check_heard(&self, key: &str) -> Result<(), BusError> {
        let Self::Granted(grants) = self else { return Ok(()) };
        let wish = key_expr(key)?;
        for heard in &grants.hall_hears {
            if key_expr(heard)?.includes(&wish) {
                return Ok(());
            }
        }
        Err(BusError::Operation {
            operation: "subscribing to",
            key: key.to_owned(),
            why: format!(
                "the access rules tell gateways of {} only; add the key to the list of what the hall hears",
                grants.hall_hears.join(", ")
            ),
        })
    }

    /// zenoh's `access_control`; `own` is the common name of this hall's certificate, whose other sessions are the hall too.
    pub(crate) fn to_zenoh(&self, own: &str) -> Result<Option<Value>, BusError> {
        let Self::Granted(grants) = self else { return Ok(None) };
        for heard in &grants.hall_hears {
            key_expr(heard)?;
        }
        let mut rules = vec![rule("hall", &["ingress", "egress"], EVERYTHING, &["**".to_owned()])];
        let mut subjects = vec![json!({ "id": "hall", "cert_common_names": [own] })];
        let mut policies = vec![json!({ "rules": ["hall"], "subjects": ["hall"] })];
        if !grants.gateways.is_empty() {
            // Only the hall can have sent these: a gateway's own questions are refused where they come in.
            rules.push(rule("asked", &["egress"], ASKED, &["**".to_owned()]));
            // Without this one a gateway believes that nobody listens, sends nothing and says nothing.
            rules.push(rule("heard", &["egress"], &["declare_subscriber"], &grants.hall_hears));
        }
        for Grant { certificate, prefix } in &grants.gateways {
            if certificate.trim().is_empty() || certificate == own || certificate == "hall" {
                return Err(BusError::Open(format!(
                    "{certificate:?} is no name for a gateway's certificate"
                )));
            }
            if key_expr(prefix)?.is_wild() {
                return Err(BusError::Open(format!("{prefix:?} is not the keys of one gateway")));
            }
            rules.push(rule(certificate, &["ingress", "egress"], OWN, &[format!("{prefix}/**")]));
            subjects.push(json!({ "id": certificate, "cert_common_names": [certificate] }));
            policies.push(json!({ "rules": ["asked", "heard", certificate], "subjects": [certificate] }));
        }
        Ok(Some(json!({
            "enabled": true,
            "default_permission": "deny",
            "rules": rules,
            "subjects": subjects,
            "policies": policies,
        })))
    }
}

/// What a gateway may do with its own keys.
const OWN: &[&str] = &["put", "declare_subscriber", "declare_queryable", "reply", "liveliness_token"];
/// What the hall asks of gateways.
const ASKED: &[&str] = &["query", "liveliness_query", "declare_liveliness_subscriber"];
const EVERYTHING: &[&str] = &[
    "put",
    "delete",
    "declare_subscriber",
    "query",
    "declare_queryable",
    "reply",
    "liveliness_token",
    "liveliness_query",
    "declare_liveliness_subscriber",
];

fn rule(id: &str, flows: &[&str], messages: &[&str], keys: &[String]) -> Value {
    json!({ "id": id, "permission": "allow", "flows": flows, "messages": messages, "key_exprs": keys })
}

fn key_expr(key: &str) -> Result<KeyExpr<'_>, BusError> {
    KeyExpr::try_from(key).map_err(|e| BusError::Open(format!("{key:?} is no key: {e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(certificate: &str, prefix: &str) -> Access {
        let grant = Grant { certificate: certificate.into(), prefix: prefix.into() };
        Access::Granted(Grants { hall_hears: vec!["city/v1/*/events".into()], gateways: vec![grant] })
    }

    #[test]
    fn a_prefix_with_a_wildcard_or_a_foreign_name_is_refused() {
        for (certificate, prefix) in [
            ("pole", "city/v1/*"),
            ("pole", "city/v1/**"),
            ("pole", "city/v1/po$*"),
            ("pole", "city/v1/"),
            ("pole", "city//pole"),
            ("pole", "city/v1/pole#"),
            ("pole", "city/v1/pole?x"),
            ("", "city/v1/pole"),
            ("the hall", "city/v1/pole"),
            ("hall", "city/v1/pole"),
        ] {
            assert!(granted(certificate, prefix).to_zenoh("the hall").is_err(), "{certificate:?} {prefix:?}");
        }
        assert!(granted("pole", "city/v1/pole").to_zenoh("the hall").is_ok());
    }

    #[test]
    fn a_wish_that_no_gateway_would_hear_of_is_told() {
        let access = granted("pole", "city/v1/pole");
        assert_eq!(access.check_heard("city/v1/*/events"), Ok(()));
        assert_eq!(access.check_heard("city/v1/pole/events"), Ok(()));
        let err = access.check_heard("city/v1/*/counts").unwrap_err().to_string();
        assert!(err.contains("city/v1/*/counts") && err.contains("city/v1/*/events only"), "{err}");
        assert_eq!(Access::Everybody.check_heard("city/v1/*/counts"), Ok(()));
    }
}
