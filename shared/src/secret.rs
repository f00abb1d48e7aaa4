//! Types for secrets and personal data: they never print what they hold.
