// Validates resources with the npm package `fhir`, whose rules are made from FHIR R4's own definitions.
//
// Reads from stdin a JSON array of {"version": "v2", "resource": ...}. Prints a JSON array with an object for each
// fault: the entry's index, the path without array indices, and what is wrong there.
//
// Unlike `fhir.resources` it looks codes up in the value sets that elements are bound to, and sees whether a reference
// may name a resource of that type.

const { Fhir } = require("fhir");

const ERRORS = ["error", "fatal"];
const ARRAY_INDEX = /\[\d+\]/g;

function faults(validator, resource) {
  const { messages } = validator.validate(resource, { errorOnUnexpected: true });
  const errors = messages.filter(({ severity }) => ERRORS.includes(severity));
  return errors.map(({ location, message }) => ({ path: location.replace(ARRAY_INDEX, ""), fault: message }));
}

function main(input) {
  const validator = new Fhir();
  const entries = JSON.parse(input);
  const found = entries.flatMap(({ resource }, index) =>
    faults(validator, resource).map((fault) => ({ index, ...fault })),
  );
  process.stdout.write(JSON.stringify(found));
}

main(require("node:fs").readFileSync(0, "utf8"));
