//! Whom we believe, as configured.

use std::path::PathBuf;

use crate::domain::{AgentId, Role};

use super::Algorithm;

/// An issuer of tokens, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// What its tokens have as `iss`, exactly.
    pub issuer: String,
    /// What they must have in `aud`: our own resource URI.
    pub audience: String,
    /// The algorithms that it signs with.
    pub algorithms: Vec<Algorithm>,
    /// Where its keys are.
    pub keys: KeyPlace,
    /// Which claims give which roles.
    pub roles: Vec<RoleClaim>,
}

/// Where the key set of an issuer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPlace {
    /// A file on this machine.
    File(PathBuf),
    /// An `https` address, or `http` on loopback.
    Url(String),
}

/// A role for those whose token has this claim.
///
/// The claim is a text, or a list of texts; `scope` is also a text with words in it (RFC 8693). Roles come from here
/// alone: a token with none of the claims is an agent's and has role `agent`, and one with some has the roles that they
/// give and no other, so that `catalog` and `pep` stay as narrow as they are meant. A person's roles, `operator` and
/// the like, are possible: configuration says so, and whoever writes it may already do what they allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleClaim {
    /// The name of the claim, at the top of the token.
    pub claim: String,
    /// What it must be or hold, exactly.
    pub value: String,
    /// What that gives.
    pub role: Role,
}

/// Why issuers cannot be believed as they are configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerFault {
    /// A name that every token could have, or none.
    #[error("an issuer needs `{0}`: it is what tells its tokens from others")]
    Empty(&'static str),
    /// Nothing that it could sign with.
    #[error("issuer `{0}` has no algorithms: name those that it signs with, such as `ES256`")]
    NoAlgorithms(String),
    /// Configured twice.
    #[error("issuer `{0}` is configured twice: put its settings together")]
    Twice(String),
    /// Cannot stand before a subject.
    #[error(
        "issuer `{0}` cannot stand in agent ids, as it must where there are several: without `https://` and with `:` \
         for `/` it may hold A-Z a-z 0-9 . _ : @ -"
    )]
    Name(String),
    /// An agent of one could get the id of another's.
    #[error(
        "agents of issuer `{first}` could get the ids of those of issuer `{second}`: run a gateway for each of them"
    )]
    Alike {
        /// The one whose name starts the other's.
        first: String,
        /// The other.
        second: String,
    },
}

impl Issuer {
    /// Checks what an issuer needs to be one.
    pub(super) fn check(&self) -> Result<(), IssuerFault> {
        if self.issuer.is_empty() {
            return Err(IssuerFault::Empty("issuer"));
        }
        if self.audience.is_empty() {
            return Err(IssuerFault::Empty("audience"));
        }
        if self.algorithms.is_empty() {
            return Err(IssuerFault::NoAlgorithms(self.issuer.clone()));
        }
        Ok(())
    }

    /// What stands before the subject in the ids of its agents: the issuer's address as an agent id can hold it.
    fn prefix(&self) -> Result<String, IssuerFault> {
        let address = ["https://", "http://"]
            .into_iter()
            .find_map(|scheme| self.issuer.strip_prefix(scheme));
        let address = address.unwrap_or(&self.issuer).trim_end_matches('/');
        let name = address.replace('/', ":");
        if AgentId::parse(&name).is_err() {
            return Err(IssuerFault::Name(self.issuer.clone()));
        }
        Ok(name + ":")
    }
}

/// What stands before the subjects of each issuer: nothing where there is one.
///
/// Subjects may hold colons too, so it is not enough that the names differ: with issuers `a` and `a:b`, subject `b:c` of
/// the one would be subject `c` of the other.
pub(super) fn prefixes(issuers: &[Issuer]) -> Result<Vec<String>, IssuerFault> {
    if issuers.len() < 2 {
        return Ok(vec![String::new(); issuers.len()]);
    }
    let names = issuers
        .iter()
        .map(Issuer::prefix)
        .collect::<Result<Vec<String>, _>>()?;
    for (at, (first, name)) in issuers.iter().zip(&names).enumerate() {
        for (other, (second, longer)) in issuers.iter().zip(&names).enumerate() {
            if at != other && first.issuer == second.issuer {
                return Err(IssuerFault::Twice(first.issuer.clone()));
            }
            if at != other && longer.starts_with(name.as_str()) {
                let (first, second) = (first.issuer.clone(), second.issuer.clone());
                return Err(IssuerFault::Alike { first, second });
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn issuer(name: &str) -> Issuer {
        Issuer {
            issuer: name.to_owned(),
            audience: "https://policyguard.test/mcp".to_owned(),
            algorithms: vec![Algorithm::Es256],
            keys: KeyPlace::Url("https://issuer.test/keys".to_owned()),
            roles: Vec::new(),
        }
    }

    #[track_caller]
    fn check(names: &[&str], expected: &[&str]) {
        let issuers: Vec<Issuer> = names.iter().map(|name| issuer(name)).collect();
        let found = prefixes(&issuers).expect("they can be told apart");
        assert_eq!(found, expected, "{names:?}");
    }

    #[track_caller]
    fn refuse(names: &[&str], expected: &str) {
        let issuers: Vec<Issuer> = names.iter().map(|name| issuer(name)).collect();
        let fault = prefixes(&issuers)
            .expect_err("they cannot be told apart")
            .to_string();
        assert!(fault.contains(expected), "{fault}");
    }

    #[test]
    fn one_issuer_is_not_named_and_several_are() {
        check(&["https://a.test/x~y"], &[""]);
        check(
            &["https://a.test/", "https://login.b.test/tenant/v2.0"],
            &["a.test:", "login.b.test:tenant:v2.0:"],
        );
        check(
            &["https://a.test", "https://a.test2"],
            &["a.test:", "a.test2:"],
        );
    }

    #[test]
    fn issuers_whose_agents_could_be_mixed_up_are_refused() {
        refuse(&["https://a.test", "https://a.test/b"], "could get the ids");
        refuse(&["https://a.test/b", "https://a.test"], "could get the ids");
        refuse(&["https://a.test", "http://a.test"], "could get the ids");
        refuse(
            &["https://a.test/1", "https://a.test:1"],
            "could get the ids",
        );
        refuse(&["https://a.test", "https://a.test"], "twice");
        refuse(&["https://a.test", "https://b.test/x~y"], "cannot stand");
    }

    #[test]
    fn what_would_accept_anything_is_no_issuer() {
        let mut none = issuer("");
        assert_eq!(none.check(), Err(IssuerFault::Empty("issuer")));
        none = issuer("a");
        none.audience.clear();
        assert_eq!(none.check(), Err(IssuerFault::Empty("audience")));
        none = issuer("a");
        none.algorithms.clear();
        assert_eq!(none.check(), Err(IssuerFault::NoAlgorithms("a".to_owned())));
        assert_eq!(issuer("a").check(), Ok(()));
    }
}
