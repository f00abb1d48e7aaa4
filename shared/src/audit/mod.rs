//! Audit records: one for each answer that carries personal data and each consent, grant and token event.
