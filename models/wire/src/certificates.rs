//! The common names of certificates: made by the hall when it enrols a gateway, compared by both sides.

use models_domain::GatewayId;

/// X.520's bound for a common name is 64; so much of the gateway's id fits before the dot and the 12 digits.
const ID_MAX: usize = 51;

/// The name of one certificate of `gateway`: its id, a dot, and `number` in 12 hexadecimal digits. No id has a dot in it, and
/// a number of its own lets the hall refuse a lost certificate while it takes the next one of the same gateway.
pub fn name(gateway: &GatewayId, number: u64) -> String {
    format!("{}.{:012x}", begin(gateway), number & 0xffff_ffff_ffff)
}

/// Whether a certificate of this name can be one of `gateway`'s. Ids of more than 51 characters are compared by their beginning.
pub fn is_of(name: &str, gateway: &GatewayId) -> bool {
    match name.split_once('.') {
        Some((id, _)) => id == begin(gateway),
        // Enrolled before certificates had numbers.
        None => name == gateway.as_str(),
    }
}

fn begin(gateway: &GatewayId) -> &str {
    gateway.as_str().get(..ID_MAX).unwrap_or(gateway.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_belongs_to_one_gateway() {
        let id = |text: &str| text.parse::<GatewayId>().unwrap();
        let long = id(&"x".repeat(64));
        assert_eq!(name(&id("pole-17"), 0xabc), "pole-17.000000000abc");
        assert_eq!(name(&long, u64::MAX).len(), 64);
        assert!(is_of(&name(&long, 1), &long));
        assert!(is_of(&name(&id("pole-17"), 1), &id("pole-17")));
        assert!(is_of("pole-17", &id("pole-17")));
        assert!(!is_of(&name(&id("pole-17"), 1), &id("pole-1")));
        assert!(!is_of("pole-1", &id("pole-17")));
    }
}
