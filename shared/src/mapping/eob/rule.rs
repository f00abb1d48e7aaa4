//! The language of the mapping tables: one row per RIF column, saying where its value goes.
//!
//! Rows read from left to right: column, target in R4, then the target in STU3 where it is not the usual one, then what
//! restricts both. The order of the rows is the order of the answer; where the versions order a column differently it
//! has a row for each.

use super::terms::{
    Coding, NPI, Role, STU3_ADMITTING_DX, STU3_EXTERNAL_DX, STU3_EXTERNAL_FIRST_DX, STU3_OTHER_DX,
    STU3_PRINCIPAL_DX, STU3_REASON_DX,
};
use crate::mapping::Version;
use crate::mapping::codes::variable;
use crate::rif::{Column, Row};

/// One row of a mapping table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// The column; of a numbered family the first.
    pub(super) column: Column,
    /// The family, where the row stands for several columns.
    pub(super) series: Option<Numbers>,
    pub(super) stu3: Target,
    pub(super) r4: Target,
    /// What a blank number means.
    pub(super) blank: Blank,
    condition: Condition,
}

/// What a blank number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blank {
    /// CMS's layout never leaves the column out: blank reads as zero, and zero is written.
    Zero,
    /// The column may be left out: blank writes nothing.
    Nothing,
}

/// When a row applies.
#[derive(Clone, Copy, Debug)]
enum Condition {
    Always,
    NotZero,
    IfBlank(Column),
    IfIs(Column, &'static str),
    IfIsNot(Column, &'static str),
}

/// A numbered family of columns, each code with its version and, where there is one, a third column.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) codes: &'static [Column],
    pub(super) versions: &'static [Column],
    /// The present-on-admission indicator of a diagnosis, the date of a procedure.
    pub(super) details: &'static [Column],
}

/// Some members of a series, counted from 1 as in the names of the columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    pub(super) of: &'static Series,
    pub(super) first: usize,
    pub(super) last: usize,
}

/// Where a value goes. In the table of a claim `Extension` is the claim's, in the table of lines the line's.
///
/// Paths are R4's; those of STU3 are given where they are not the same.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    /// Not in the answers, and why.
    Unmapped(&'static str),
    /// Written by the row of this other column.
    With(Column),
    /// Written by another row of the same column.
    Elsewhere,

    /// `extension` under the URL of the variable.
    Extension(Form),
    /// `extension` with a code under the URL of another variable.
    ExtensionAs(Column),

    // The claim
    /// `identifier`, in R4 of type unique claim; without a system of its own the URL of the variable.
    Identifier(Option<&'static str>),
    /// `patient` and the beneficiary's `insurance.coverage`.
    Patient,
    /// `status`: F is active, N is cancelled.
    Status,
    /// `type.coding`, before the codings that follow from the type of claim.
    Type,
    /// `type.coding`, after them.
    TypeToo,
    /// `billablePeriod.start`
    PeriodStart,
    /// `billablePeriod.end`
    PeriodEnd,
    /// `billablePeriod.extension`
    PeriodExtension,
    /// `provider.identifier` under the URL of the variable.
    Provider,
    /// An identifier of the contained organisation, to which `provider` refers.
    Organization(&'static Coding, Option<&'static str>),
    /// STU3's `organization` and `facility` with an NPI.
    OrganizationNpi,
    /// `provider`, in STU3 `organization`, and `facility`: an identifier whose system follows from the qualifier in
    /// another column.
    Pharmacy(Column),
    /// `facility.extension`
    Facility,
    /// `referral.identifier`, in STU3 a contained ReferralRequest.
    Referral(&'static Coding),
    /// `disposition`
    Disposition,
    /// `diagnosis` of that kind.
    Diagnosis(Label),
    /// STU3's `diagnosis.packageCode`
    Package,
    /// `procedure`
    Procedure,
    /// `supportingInfo` of that category, in STU3 `information` of the variable's.
    Info(Category, Fact),
    /// STU3's `hospitalization.start`
    HospitalizationStart,
    /// STU3's `hospitalization.end`
    HospitalizationEnd,
    /// STU3's `hospitalization.extension`
    HospitalizationExtension(Form),
    /// `insurance.coverage.extension` with an identifier.
    CoverageExtension,
    /// `total` of that category; the label is that of the named variable, none without one.
    Total(&'static Coding, Option<Column>),
    /// A `total` of that category that is always zero.
    TotalOfNothing(&'static Coding),
    /// STU3's `totalCost`
    TotalCost,
    /// `payment.amount`
    PaymentAmount,
    /// `payment.date`
    PaymentDate,
    /// `benefitBalance.financial`
    Benefit(Measure),

    // Claim or line
    /// `careTeam`: the type of the identifier and the role.
    Member(&'static Coding, &'static Role),

    // The line
    /// `provider`: the NPI of the practitioner whom the first line names that names one.
    LineProvider,
    /// `careTeam`: the performing and responsible provider, who takes the next two.
    Performer(&'static Coding),
    /// `careTeam.extension` of the line's performer.
    PerformerExtension,
    /// `careTeam.extension` of the line's performer: the NPI of the organisation.
    PerformerOrganization,
    /// `careTeam.qualification` of the line's performer.
    PerformerQualification,
    /// `item.sequence`
    Sequence,
    /// `item.diagnosisSequence` and a `diagnosis` of that kind; the version stands in the other column.
    LineDiagnosis(Column, Label),
    /// A contained Observation of the kind in the other column, and a `supportingInfo` that refers to it, in STU3 an
    /// `item.extension`.
    Observation(Column),
    /// `item.revenue.coding`
    Revenue(System),
    /// `item.revenue.extension`
    RevenueExtension,
    /// `item.category`
    ItemCategory,
    /// `item.productOrService.coding`, in STU3 `item.service.coding`
    Product(System),
    /// The same under this system, the version of which stands in a column of the claim.
    ProductOf(&'static str, Column),
    /// `item.service.extension`
    ProductExtension(Form),
    /// `item.productOrService.extension` with a National Drug Code, in STU3 `item.extension`.
    ProductDrug,
    /// `item.productOrService.coding` with a National Drug Code, in STU3 `item.service.coding`.
    Drug,
    /// `item.modifier`; the version of the code, where there is one, stands in a column of the claim.
    Modifier(System, Option<Column>),
    /// `item.servicedDate`
    ServicedDate,
    /// `item.servicedPeriod` to the day in the other column; without that day `item.servicedDate`.
    ServicedPeriod(Column),
    /// `item.locationCodeableConcept.coding`
    Place,
    /// `item.locationCodeableConcept.extension`
    PlaceExtension(Form),
    /// `item.locationAddress.state` of every line of the claim.
    State,
    /// `item.quantity`
    Quantity,
    /// `item.quantity.extension`
    QuantityExtension,
    /// `item.adjudication` with an amount of that category, in STU3 of the variable's.
    Adjudication(&'static Coding),
    /// The same, with an extension from another column.
    AdjudicationWith(&'static Coding, Column),
    /// The same, under the label of another variable.
    AdjudicationAs(&'static Coding, Column),
    /// The same, with the reason in another column.
    AdjudicationBecause(&'static Coding, Column),
    /// `item.adjudication` with a reason for denial.
    Denial,
    /// `item.adjudication` with a reason under the label of the variable.
    Reason,
    /// STU3's `item.detail.type`: the pairs of RIF code and coding; others write nothing.
    DetailType(&'static [(&'static str, &'static Coding)]),
}

/// The form of an extension's value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    /// `valueCoding`
    Code,
    /// `valueIdentifier`
    Identifier,
    /// `valueIdentifier` under the URL of this variable, which is no column's.
    IdentifierOf(&'static str),
    /// `valueDate`
    Date,
    /// `valueMoney`
    Money,
    /// `valueQuantity`
    Quantity,
    /// `valueQuantity` of the unit in the other column.
    QuantityOf(System, Column),
}

/// The form of a benefit balance.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    /// `usedMoney`
    Money,
    /// `usedUnsignedInt`, digits behind the point cut off.
    Count,
}

/// The code system under which a code is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum System {
    /// The URL of the variable, with the variable's displays.
    Variable,
    /// Another system, with the variable's displays.
    Other(&'static str),
    /// Another system, without displays.
    Bare(&'static str),
}

impl System {
    /// What a column's code means there.
    pub(super) fn display(self, column: Column, code: &str) -> Option<&'static str> {
        match self {
            System::Variable | System::Other(_) => variable(column).display(code),
            System::Bare(_) => None,
        }
    }
}

/// The category of a `supportingInfo`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Category {
    /// The coding, followed by the variable with its label.
    Named(&'static Coding),
    /// The coding alone.
    Only(&'static Coding),
}

/// The value of a `supportingInfo`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fact {
    /// `code`
    Code(System),
    /// `code` by another code system: the pairs of RIF code and coding; others write nothing.
    Translated(&'static [(&'static str, &'static Coding)]),
    /// `timingDate`
    Date,
    /// `timingPeriod` to the day in the other column.
    Period(Column),
    /// `timingPeriod` without an end.
    PeriodStart,
    /// `valueQuantity` of counted things.
    Quantity,
    /// `valueQuantity` in pints.
    Pints,
}

/// What a diagnosis was for; each type of claim has its own codes for these.
#[derive(Clone, Copy, Debug)]
pub(super) enum Label {
    Admitting,
    Principal,
    Other,
    /// STU3 says it of hospital inpatients only.
    Untyped,
    ExternalFirst,
    External,
    /// Why the patient came.
    Reason,
    /// What a line of a claim is about.
    Secondary,
}

impl Label {
    /// The coding in STU3, which all types of claim share.
    pub(super) const fn stu3(self) -> Option<&'static Coding> {
        Some(match self {
            Label::Admitting => &STU3_ADMITTING_DX,
            Label::Principal => &STU3_PRINCIPAL_DX,
            Label::Other => &STU3_OTHER_DX,
            Label::Untyped | Label::Secondary => return None,
            Label::ExternalFirst => &STU3_EXTERNAL_FIRST_DX,
            Label::External => &STU3_EXTERNAL_DX,
            Label::Reason => &STU3_REASON_DX,
        })
    }
}

/// Where a value goes in STU3 that has this target in R4: what the versions differ in everywhere.
const fn usual_stu3(r4: Target) -> Target {
    match r4 {
        Target::Member(id_type, _) | Target::Performer(id_type) | Target::Referral(id_type)
            if !id_type.is(&NPI) =>
        {
            Target::Unmapped("STU3 answers name people by NPI alone")
        }
        Target::Member(_, Role { stu3: None, .. }) => Target::Elsewhere,
        Target::Organization(_, None) => Target::Provider,
        Target::Organization(_, Some(_)) => Target::OrganizationNpi,
        Target::Benefit(Measure::Money) => Target::Extension(Form::Money),
        Target::Diagnosis(Label::Other) => Target::Diagnosis(Label::Untyped),
        // The row of the performer says it.
        Target::LineProvider => Target::Elsewhere,
        Target::Denial => Target::Reason,
        same => same,
    }
}

/// A row for one column.
pub(super) const fn row(column: Column, r4: Target) -> Rule {
    Rule {
        column,
        series: None,
        stu3: usual_stu3(r4),
        r4,
        blank: Blank::Zero,
        condition: Condition::Always,
    }
}

/// A row for R4 alone: another row says where the column goes in STU3.
pub(super) const fn r4(column: Column, target: Target) -> Rule {
    row(column, target).stu3(Target::Elsewhere)
}

/// A row for STU3 alone: another row says where the column goes in R4.
pub(super) const fn stu3(column: Column, target: Target) -> Rule {
    row(column, Target::Elsewhere).stu3(target)
}

/// The rows of a table for R4 alone, where STU3 shows them in another place.
pub(super) const fn only_r4<const N: usize>(mut rules: [Rule; N]) -> [Rule; N] {
    let mut at = 0;
    while at < N {
        rules[at].stu3 = Target::Elsewhere;
        at += 1;
    }
    rules
}

/// The rows of a table for STU3 alone, where R4 shows them in another place.
pub(super) const fn only_stu3<const N: usize>(mut rules: [Rule; N]) -> [Rule; N] {
    let mut at = 0;
    while at < N {
        rules[at].r4 = Target::Elsewhere;
        at += 1;
    }
    rules
}

/// A row for the members `first` to `last` of a family, with their versions and details.
pub(super) const fn rows(of: &'static Series, first: usize, last: usize, r4: Target) -> Rule {
    let mut rule = row(of.codes[first - 1], r4);
    rule.series = Some(Numbers { of, first, last });
    rule
}

impl Rule {
    /// Where the value goes in STU3, if not as usual.
    pub(super) const fn stu3(mut self, target: Target) -> Self {
        self.stu3 = target;
        self
    }

    /// The number may be left out: blank writes nothing.
    pub(super) const fn optional(mut self) -> Self {
        self.blank = Blank::Nothing;
        self
    }

    /// Zero, and blank, write nothing.
    pub(super) const fn if_not_zero(mut self) -> Self {
        self.condition = Condition::NotZero;
        self
    }

    /// Only where the other column is blank.
    pub(super) const fn if_blank(mut self, other: Column) -> Self {
        self.condition = Condition::IfBlank(other);
        self
    }

    /// Only where the other column has that code.
    pub(super) const fn if_is(mut self, other: Column, code: &'static str) -> Self {
        self.condition = Condition::IfIs(other, code);
        self
    }

    /// Only where the other column has another code or none.
    pub(super) const fn if_is_not(mut self, other: Column, code: &'static str) -> Self {
        self.condition = Condition::IfIsNot(other, code);
        self
    }

    /// Where the value goes.
    pub(super) const fn target(&self, version: Version) -> Target {
        match version {
            Version::Stu3 => self.stu3,
            Version::R4 => self.r4,
        }
    }

    /// Whether the row applies to these values. Nearly all always do.
    #[inline]
    pub(super) fn applies(&self, row: &Row) -> bool {
        matches!(self.condition, Condition::Always) || self.applies_to(row)
    }

    fn applies_to(&self, row: &Row) -> bool {
        let code = |column| row.text(column).map(str::trim).unwrap_or_default();
        match self.condition {
            Condition::Always => true,
            Condition::NotZero => row.decimal(self.column).is_some_and(|n| n.units != 0),
            Condition::IfBlank(other) => code(other).is_empty(),
            Condition::IfIs(other, wanted) => code(other) == wanted,
            Condition::IfIsNot(other, refused) => code(other) != refused,
        }
    }
}

/// The columns `PREFIX1` to `PREFIXn`. A name that no layout has does not compile.
pub(super) const fn numbered<const N: usize>(prefix: &str) -> [Column; N] {
    let mut columns = [Column::ALL[0]; N];
    let mut at = 0;
    while at < N {
        columns[at] = column_named(prefix, at + 1);
        at += 1;
    }
    columns
}

const fn column_named(prefix: &str, number: usize) -> Column {
    let mut at = 0;
    while at < Column::ALL.len() {
        if is_numbered(Column::ALL[at].name(), prefix, number) {
            return Column::ALL[at];
        }
        at += 1;
    }
    panic!("no layout has this column")
}

/// Whether the name is the prefix followed by the number in one or two digits.
const fn is_numbered(name: &str, prefix: &str, number: usize) -> bool {
    let (name, prefix) = (name.as_bytes(), prefix.as_bytes());
    let digits = if number < 10 { 1 } else { 2 };
    if name.len() != prefix.len() + digits || name[name.len() - 1] != b'0' + (number % 10) as u8 {
        return false;
    }
    if digits == 2 && name[name.len() - 2] != b'0' + (number / 10) as u8 {
        return false;
    }
    let mut at = 0;
    while at < prefix.len() {
        if name[at] != prefix[at] {
            return false;
        }
        at += 1;
    }
    true
}
