//! Where people live: a city, its county and the Medicare contractors that process its claims.

/// A city with the codes under which Medicare knows it.
pub(crate) struct Place {
    pub(crate) city: &'static str,
    /// Postal abbreviation of the state.
    pub(crate) state: &'static str,
    /// Social Security Administration codes of state and county.
    pub(crate) ssa_state: &'static str,
    pub(crate) ssa_county: &'static str,
    /// Federal code of state and county.
    pub(crate) fips: &'static str,
    /// The first three digits of its ZIP codes and the range of the last two.
    pub(crate) zip: &'static str,
    pub(crate) zip_last: (i64, i64),
    /// Contractor that processes Part B claims, and the locality that sets its prices.
    pub(crate) carrier: &'static str,
    pub(crate) locality: &'static str,
    /// Contractor that processes equipment claims.
    pub(crate) equipment_carrier: &'static str,
}

#[rustfmt::skip]
pub(crate) static PLACES: &[Place] = &[
    Place { city: "WORCESTER",    state: "MA", ssa_state: "22", ssa_county: "170", fips: "25027", zip: "016", zip_last: (2, 10),  carrier: "31143", locality: "40", equipment_carrier: "00811" },
    Place { city: "BOSTON",       state: "MA", ssa_state: "22", ssa_county: "160", fips: "25025", zip: "021", zip_last: (8, 36),  carrier: "31143", locality: "39", equipment_carrier: "00811" },
    Place { city: "PHILADELPHIA", state: "PA", ssa_state: "39", ssa_county: "620", fips: "42101", zip: "191", zip_last: (2, 54),  carrier: "00865", locality: "66", equipment_carrier: "00811" },
    Place { city: "BROOKLYN",     state: "NY", ssa_state: "33", ssa_county: "331", fips: "36047", zip: "112", zip_last: (1, 39),  carrier: "00803", locality: "56", equipment_carrier: "00811" },
    Place { city: "CLEVELAND",    state: "OH", ssa_state: "36", ssa_county: "170", fips: "39035", zip: "441", zip_last: (2, 30),  carrier: "00883", locality: "62", equipment_carrier: "00635" },
    Place { city: "COLUMBUS",     state: "OH", ssa_state: "36", ssa_county: "250", fips: "39049", zip: "432", zip_last: (1, 35),  carrier: "00883", locality: "62", equipment_carrier: "00635" },
    Place { city: "CHICAGO",      state: "IL", ssa_state: "14", ssa_county: "141", fips: "17031", zip: "606", zip_last: (1, 60),  carrier: "00952", locality: "25", equipment_carrier: "00635" },
    Place { city: "DETROIT",      state: "MI", ssa_state: "23", ssa_county: "810", fips: "26163", zip: "482", zip_last: (1, 39),  carrier: "00953", locality: "41", equipment_carrier: "00635" },
    Place { city: "MINNEAPOLIS",  state: "MN", ssa_state: "24", ssa_county: "260", fips: "27053", zip: "554", zip_last: (1, 55),  carrier: "00954", locality: "43", equipment_carrier: "00635" },
    Place { city: "INDIANAPOLIS", state: "IN", ssa_state: "15", ssa_county: "480", fips: "18097", zip: "462", zip_last: (1, 60),  carrier: "00630", locality: "29", equipment_carrier: "00635" },
    Place { city: "TAMPA",        state: "FL", ssa_state: "10", ssa_county: "280", fips: "12057", zip: "336", zip_last: (2, 29),  carrier: "00590", locality: "20", equipment_carrier: "00885" },
    Place { city: "ATLANTA",      state: "GA", ssa_state: "11", ssa_county: "470", fips: "13121", zip: "303", zip_last: (3, 45),  carrier: "00511", locality: "21", equipment_carrier: "00885" },
    Place { city: "CHARLOTTE",    state: "NC", ssa_state: "34", ssa_county: "590", fips: "37119", zip: "282", zip_last: (2, 17),  carrier: "05535", locality: "60", equipment_carrier: "00885" },
    Place { city: "MEMPHIS",      state: "TN", ssa_state: "44", ssa_county: "780", fips: "47157", zip: "381", zip_last: (3, 41),  carrier: "05440", locality: "72", equipment_carrier: "00885" },
    Place { city: "HOUSTON",      state: "TX", ssa_state: "45", ssa_county: "610", fips: "48201", zip: "770", zip_last: (2, 99),  carrier: "04402", locality: "79", equipment_carrier: "00885" },
    Place { city: "DENVER",       state: "CO", ssa_state: "06", ssa_county: "150", fips: "08031", zip: "802", zip_last: (2, 39),  carrier: "04102", locality: "14", equipment_carrier: "00885" },
    Place { city: "PHOENIX",      state: "AZ", ssa_state: "03", ssa_county: "060", fips: "04013", zip: "850", zip_last: (3, 54),  carrier: "03102", locality: "3",  equipment_carrier: "19003" },
    Place { city: "LOS ANGELES",  state: "CA", ssa_state: "05", ssa_county: "200", fips: "06037", zip: "900", zip_last: (1, 68),  carrier: "31146", locality: "6",  equipment_carrier: "19003" },
    Place { city: "PORTLAND",     state: "OR", ssa_state: "38", ssa_county: "250", fips: "41051", zip: "972", zip_last: (1, 33),  carrier: "00835", locality: "64", equipment_carrier: "19003" },
    Place { city: "SEATTLE",      state: "WA", ssa_state: "50", ssa_county: "160", fips: "53033", zip: "981", zip_last: (1, 26),  carrier: "00836", locality: "86", equipment_carrier: "19003" },
];
