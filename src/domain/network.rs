//! Networks of the internet, by which peers are known before anything else is.

use std::fmt;
use std::net::IpAddr;

/// One address, or every address that begins with the same bits: `192.0.2.7`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

/// Why a text names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// What stands before the slash is no address.
    #[error("write addresses as `192.0.2.7` or networks as `10.0.0.0/8`")]
    Address,
    /// What stands behind the slash is no number of bits.
    #[error("behind the slash stands a number from 0 to {0}")]
    Bits(u8),
    /// The address has bits that the network does not have.
    #[error("the network is `{0}`; one address has no slash")]
    Host(Network),
}

impl Network {
    /// Reads an address, or an address with the number of bits that count.
    ///
    /// `10.1.2.3/8` is refused: whether one address or the network was meant makes a difference here.
    ///
    /// # Errors
    /// [`NetworkError`] says what does not fit.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Address)?;
        let most = width(address);
        let bits = match bits {
            Some(bits) => decimal(bits)
                .filter(|bits| *bits <= most)
                .ok_or(NetworkError::Bits(most))?,
            None => most,
        };
        let network = Self {
            first: masked(address, bits),
            bits,
        };
        if network.first == address {
            Ok(network)
        } else {
            Err(NetworkError::Host(network))
        }
    }

    /// Whether the address belongs to it; an IPv4 address that is written as IPv6 is the IPv4 address.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        width(address) == width(self.first) && masked(address, self.bits) == self.first
    }

    /// Whether every address of its kind belongs to it.
    #[must_use]
    pub const fn is_everything(self) -> bool {
        self.bits == 0
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bits == width(self.first) {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}/{}", self.first, self.bits)
        }
    }
}

/// The number of bits in addresses of this kind.
const fn width(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

/// The address with all but its first bits cleared.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    let dropped = u32::from(width(address) - bits);
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(dropped).unwrap_or(0);
            IpAddr::V4((address.to_bits() & mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(dropped).unwrap_or(0);
            IpAddr::V6((address.to_bits() & mask).into())
        }
    }
}

/// A number as people write it: digits alone, no sign.
fn decimal(text: &str) -> Option<u8> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_the_addresses_that_begin_like_it() {
        for (network, inside, outside) in [
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("192.0.2.128/25", "192.0.2.200", "192.0.2.127"),
            ("fd00::/8", "fdff::1", "fc00::1"),
            ("2001:db8::/127", "2001:db8::1", "2001:db8::2"),
            ("0.0.0.0/0", "203.0.113.9", "::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
        ] {
            let holder = Network::parse(network).expect(network);
            assert!(
                holder.contains(inside.parse().expect("an address")),
                "{network} {inside}"
            );
            assert!(
                !holder.contains(outside.parse().expect("an address")),
                "{network} {outside}"
            );
            assert_eq!(holder.to_string(), network);
        }
    }

    #[test]
    fn what_could_mean_two_things_is_no_network() {
        for bad in [
            "",
            "localhost",
            "10.0.0",
            "10.0.0.0/",
            "/8",
            "*",
            "10.0.0.0-9",
            "[::1]",
        ] {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
        for (bad, most) in [
            ("10.0.0.0/33", 32),
            ("10.0.0.0/+8", 32),
            ("::/129", 128),
            ("::/256", 128),
        ] {
            assert_eq!(Network::parse(bad), Err(NetworkError::Bits(most)), "{bad}");
        }
        let fault = Network::parse("10.1.2.3/8").expect_err("a host");
        assert_eq!(
            fault.to_string(),
            "the network is `10.0.0.0/8`; one address has no slash"
        );
    }
}
