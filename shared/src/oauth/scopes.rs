//! Scopes: what a token may read. SMART v1 (`.read`) and v2 (`.r`, `.s`, `.rs`) spellings, `profile`, and two inert
//! ones.

use std::fmt;

/// A FHIR resource type that scopes speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Who the beneficiary is.
    Patient,
    /// What they are enrolled in.
    Coverage,
    /// What was paid.
    ExplanationOfBenefit,
}

/// A set of scopes that this server knows.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u16);

/// A scope and what it permits.
struct Scope {
    name: &'static str,
    resource: Option<Resource>,
    permissions: u8,
}

const READ: u8 = 1;
const SEARCH: u8 = 2;

const fn scope(name: &'static str, resource: Resource, permissions: u8) -> Scope {
    let resource = Some(resource);
    Scope {
        name,
        resource,
        permissions,
    }
}

const fn other(name: &'static str) -> Scope {
    Scope {
        name,
        resource: None,
        permissions: 0,
    }
}

/// Every scope in the order in which answers list them. A scope's place is its bit.
const SCOPES: [Scope; 15] = [
    scope("patient/Patient.rs", Resource::Patient, READ | SEARCH),
    scope("patient/Patient.r", Resource::Patient, READ),
    scope("patient/Patient.s", Resource::Patient, SEARCH),
    scope("patient/Patient.read", Resource::Patient, READ | SEARCH),
    scope("patient/Coverage.rs", Resource::Coverage, READ | SEARCH),
    scope("patient/Coverage.r", Resource::Coverage, READ),
    scope("patient/Coverage.s", Resource::Coverage, SEARCH),
    scope("patient/Coverage.read", Resource::Coverage, READ | SEARCH),
    scope(
        "patient/ExplanationOfBenefit.rs",
        Resource::ExplanationOfBenefit,
        READ | SEARCH,
    ),
    scope(
        "patient/ExplanationOfBenefit.r",
        Resource::ExplanationOfBenefit,
        READ,
    ),
    scope(
        "patient/ExplanationOfBenefit.s",
        Resource::ExplanationOfBenefit,
        SEARCH,
    ),
    scope(
        "patient/ExplanationOfBenefit.read",
        Resource::ExplanationOfBenefit,
        READ | SEARCH,
    ),
    other("profile"),
    // Inert: no id_token is issued, and the launch context is `patient` in the token response.
    other("openid"),
    other("launch/patient"),
];

impl Scopes {
    /// What an application gets that asks for nothing: the fewest scopes that permit everything.
    pub const DEFAULT: &'static str =
        "patient/Patient.rs patient/Coverage.rs patient/ExplanationOfBenefit.rs profile";

    /// No scope.
    #[must_use]
    pub fn none() -> Self {
        Self(0)
    }

    /// Every scope there is.
    #[must_use]
    pub fn all() -> Self {
        Self((1 << SCOPES.len()) - 1)
    }

    /// The default scopes as a set.
    #[must_use]
    pub fn defaults() -> Self {
        Self::parse(Self::DEFAULT).expect("the default scopes are in the table")
    }

    /// The scopes of a `scope` parameter: names apart by single or more spaces. Nothing when one is not known.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.split(' ')
            .filter(|name| !name.is_empty())
            .map(Self::named)
            .try_fold(Self::none(), |set, scope| Some(set.union(scope?)))
    }

    /// Whether there is no scope.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes of either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Of these scopes those that the other set permits: `.r` is kept where `.rs` is allowed.
    #[must_use]
    pub fn permitted_by(self, allowed: Self) -> Self {
        self.filter(|scope| match scope.resource {
            Some(resource) => scope.permissions & !allowed.permissions(resource) == 0,
            None => allowed.contains(scope.name),
        })
    }

    /// Whether the other set permits all of these.
    #[must_use]
    pub fn is_permitted_by(self, allowed: Self) -> bool {
        self.permitted_by(allowed) == self
    }

    /// `.r` with `.s`, or either beside `.rs`, becomes `.rs` alone.
    #[must_use]
    pub fn condensed(self) -> Self {
        /// The bits of `.rs`, `.r`, `.s` of the three resources.
        const GROUPS: [(u16, u16, u16); 3] = [(1, 2, 4), (16, 32, 64), (256, 512, 1024)];
        GROUPS.into_iter().fold(self, |set, (rs, r, s)| {
            let both = set.0 & rs != 0 || (set.0 & r != 0 && set.0 & s != 0);
            match both {
                true => Self((set.0 & !(r | s)) | rs),
                false => set,
            }
        })
    }

    /// Without what tells who the beneficiary is: Patient and profile.
    #[must_use]
    pub fn without_demographics(self) -> Self {
        self.filter(|scope| scope.resource != Some(Resource::Patient) && scope.name != "profile")
    }

    /// Whether a resource of that type may be read by its id.
    #[must_use]
    pub fn permits_read(self, resource: Resource) -> bool {
        self.permissions(resource) & READ != 0
    }

    /// Whether resources of that type may be searched.
    #[must_use]
    pub fn permits_search(self, resource: Resource) -> bool {
        self.permissions(resource) & SEARCH != 0
    }

    /// Whether userinfo may be read.
    #[must_use]
    pub fn has_profile(self) -> bool {
        self.contains("profile")
    }

    fn permissions(self, resource: Resource) -> u8 {
        self.members()
            .filter(|scope| scope.resource == Some(resource))
            .fold(0, |all, scope| all | scope.permissions)
    }

    fn named(name: &str) -> Option<Self> {
        let place = SCOPES.iter().position(|scope| scope.name == name)?;
        Some(Self(1 << place))
    }

    fn contains(self, name: &str) -> bool {
        self.members().any(|scope| scope.name == name)
    }

    fn members(self) -> impl Iterator<Item = &'static Scope> {
        SCOPES
            .iter()
            .enumerate()
            .filter(move |(place, _)| self.0 & (1 << place) != 0)
            .map(|(_, scope)| scope)
    }

    fn filter(self, keep: impl Fn(&Scope) -> bool) -> Self {
        SCOPES
            .iter()
            .enumerate()
            .filter(|(_, scope)| !keep(scope))
            .fold(self, |set, (place, _)| Self(set.0 & !(1 << place)))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.members().map(|scope| scope.name).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scopes({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).expect("known scopes")
    }

    #[test]
    fn knows_its_scopes_and_refuses_others() {
        let check = |text: &str, expected: Option<&str>| {
            let read = Scopes::parse(text).map(|scopes| scopes.to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        };
        check("", Some(""));
        check("profile  openid ", Some("profile openid"));
        check(
            "patient/Patient.read patient/Patient.read",
            Some("patient/Patient.read"),
        );
        check("patient/*.read", None);
        check("patient/Patient.rsx", None);
        check("Patient/Patient.rs", None);
        check("patient/Patient.write", None);
        check("profile\topenid", None);
        check("user/Patient.read", None);
        check("token_management", None);
    }

    #[test]
    fn permits_reading_and_searching_as_spelled() {
        let check = |text: &str, read: bool, search: bool| {
            let scopes = scopes(text);
            assert_eq!(scopes.permits_read(Resource::Coverage), read, "{text}");
            assert_eq!(scopes.permits_search(Resource::Coverage), search, "{text}");
            assert!(!scopes.permits_read(Resource::Patient), "{text}");
            assert!(!scopes.has_profile(), "{text}");
        };
        check("patient/Coverage.read", true, true);
        check("patient/Coverage.rs", true, true);
        check("patient/Coverage.r", true, false);
        check("patient/Coverage.s", false, true);
        check("patient/Coverage.r patient/Coverage.s", true, true);
        check("patient/ExplanationOfBenefit.rs openid", false, false);
        check("", false, false);
    }

    #[test]
    fn condenses_r_and_s_to_rs() {
        let check = |text: &str, expected: &str| {
            assert_eq!(scopes(text).condensed().to_string(), expected, "{text}");
        };
        check("patient/Patient.r patient/Patient.s", "patient/Patient.rs");
        check(
            "patient/Coverage.rs patient/Coverage.s",
            "patient/Coverage.rs",
        );
        check(
            "patient/ExplanationOfBenefit.s patient/ExplanationOfBenefit.r profile",
            "patient/ExplanationOfBenefit.rs profile",
        );
        check(
            "patient/Patient.r patient/Coverage.s",
            "patient/Patient.r patient/Coverage.s",
        );
        check(
            "patient/Patient.read patient/Patient.r",
            "patient/Patient.r patient/Patient.read",
        );
    }

    #[test]
    fn the_defaults_permit_everything() {
        let defaults = Scopes::defaults();
        for resource in [
            Resource::Patient,
            Resource::Coverage,
            Resource::ExplanationOfBenefit,
        ] {
            assert!(defaults.permits_read(resource) && defaults.permits_search(resource));
        }
        assert!(defaults.has_profile());
        assert_eq!(defaults.to_string(), Scopes::DEFAULT);
        assert_eq!(
            defaults.without_demographics().to_string(),
            "patient/Coverage.rs patient/ExplanationOfBenefit.rs"
        );
    }

    fn any_scopes() -> impl Strategy<Value = Scopes> {
        (0..1_u16 << SCOPES.len()).prop_map(Scopes)
    }

    const RESOURCES: [Resource; 3] = [
        Resource::Patient,
        Resource::Coverage,
        Resource::ExplanationOfBenefit,
    ];

    proptest! {
        #[test]
        fn nothing_ever_widens(asked in any_scopes(), allowed in any_scopes()) {
            let granted = asked.permitted_by(allowed).condensed();
            prop_assert!(granted.is_permitted_by(allowed));
            for resource in RESOURCES {
                for set in [asked, allowed] {
                    prop_assert_eq!(granted.permissions(resource) & !set.permissions(resource), 0);
                }
            }
            for name in ["profile", "openid", "launch/patient"] {
                prop_assert!(!granted.contains(name) || (asked.contains(name) && allowed.contains(name)));
            }
        }

        #[test]
        fn condensing_keeps_what_is_permitted(set in any_scopes()) {
            let condensed = set.condensed();
            prop_assert_eq!(condensed.condensed(), condensed);
            for resource in RESOURCES {
                prop_assert_eq!(condensed.permissions(resource), set.permissions(resource));
            }
        }

        #[test]
        fn reads_what_it_writes(set in any_scopes()) {
            prop_assert_eq!(Scopes::parse(&set.to_string()), Some(set));
        }

        #[test]
        fn withholding_demographics_leaves_no_way_to_the_person(set in any_scopes()) {
            let kept = set.without_demographics();
            prop_assert!(!kept.permits_read(Resource::Patient) && !kept.permits_search(Resource::Patient));
            prop_assert!(!kept.has_profile());
        }
    }
}
