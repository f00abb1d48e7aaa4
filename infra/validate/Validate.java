import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.ConceptValidationOptions;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.context.support.ValidationSupportContext;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.ValueSet;
import org.hl7.fhir.r5.utils.validation.constants.BestPracticeWarningLevel;

/** Validates {@code ANSWERS/v1/*.json} as STU3 and {@code ANSWERS/v2/*.json} as R4, and prints each error once. */
public final class Validate {
    /** CARIN's guide builds on US Core, whose profiles and value set of specialties are not in its folder. */
    private static final Pattern US_CORE_MISSING =
            Pattern.compile("/us/core/.* could not be resolved|EOB-careteam-qualification");

    /** An error, without the places and the names in which equal ones differ. */
    private record Finding(String version, String place, String message) implements Comparable<Finding> {
        @Override
        public int compareTo(Finding other) {
            return toString().compareTo(other.toString());
        }
    }

    /** How often, and in which files. */
    private static final class Count {
        private int times;
        private final TreeSet<String> files = new TreeSet<>();
    }

    /**
     * Codes of X12, NUBC, AMA, NCPDP and CDC are not to be had offline: a value set that takes all codes of such a
     * system takes this one, too.
     */
    private record UnavailableSystems(FhirContext context) implements IValidationSupport {
        @Override
        public FhirContext getFhirContext() {
            return context;
        }

        @Override
        public boolean isValueSetSupported(ValidationSupportContext support, String url) {
            return support.getRootValidationSupport().fetchValueSet(url) instanceof ValueSet;
        }

        @Override
        public CodeValidationResult validateCodeInValueSet(
                ValidationSupportContext support, ConceptValidationOptions options,
                String system, String code, String display, IBaseResource resource) {
            if (!(resource instanceof ValueSet valueSet)
                    || system == null
                    || support.getRootValidationSupport().fetchCodeSystem(system) != null) {
                return null;
            }
            boolean takesAll = valueSet.getCompose().getInclude().stream().anyMatch(include ->
                    system.equals(include.getSystem()) && !include.hasConcept() && !include.hasFilter());
            return takesAll ? new CodeValidationResult().setCode(code).setCodeSystemName(system) : null;
        }
    }

    public static void main(String[] arguments) throws IOException {
        if (arguments.length != 2) {
            System.err.println("usage: Validate ANSWERS PROFILES");
            System.exit(2);
        }
        Path answers = Path.of(arguments[0]);
        var findings = new TreeMap<Finding, Count>();
        int resources = validate("v1", FhirContext.forDstu3Cached(), answers, null, findings);
        resources += validate("v2", FhirContext.forR4Cached(), answers, Path.of(arguments[1]), findings);
        findings.forEach((finding, count) -> System.out.printf(
                "%s %s (%d times: %s)%n    %s%n",
                finding.version(), finding.place(), count.times, String.join(", ", count.files), finding.message()));
        System.out.printf("%d resources, %d different errors%n", resources, findings.size());
    }

    private static int validate(
            String version, FhirContext context, Path answers, Path profiles, TreeMap<Finding, Count> findings)
            throws IOException {
        FhirValidator validator = validator(context, profiles);
        List<Path> files = jsonFiles(answers.resolve(version));
        for (Path file : files) {
            String name = file.getFileName().toString().replace(".json", "");
            for (SingleValidationMessage message :
                    validator.validateWithResult(Files.readString(file)).getMessages()) {
                if (message.getSeverity().compareTo(ResultSeverityEnum.ERROR) < 0
                        || US_CORE_MISSING.matcher(message.getMessage()).find()) {
                    continue;
                }
                Count count = findings.computeIfAbsent(finding(version, message), unseen -> new Count());
                count.times++;
                count.files.add(name);
            }
        }
        return files.size();
    }

    private static FhirValidator validator(FhirContext context, Path profiles) throws IOException {
        var given = new PrePopulatedValidationSupport(context);
        if (profiles != null) {
            for (Path file : jsonFiles(profiles)) {
                given.addResource(context.newJsonParser().parseResource(Files.readString(file)));
            }
        }
        var unknownSystems = new UnknownCodeSystemWarningValidationSupport(context);
        unknownSystems.setNonExistentCodeSystemSeverity(IValidationSupport.IssueSeverity.WARNING);
        var chain = new ValidationSupportChain(
                given,
                new DefaultProfileValidationSupport(context),
                new UnavailableSystems(context),
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context),
                unknownSystems);
        // FHIR asks of a CodeableConcept that one of its codings be in the value set, not all.
        chain.setCodeableConceptValidationSuccessfulIfNotAllCodingsAreValid(true);
        var instances = new FhirInstanceValidator(chain);
        instances.setBestPracticeWarningLevel(BestPracticeWarningLevel.Ignore);
        return context.newValidator().registerValidatorModule(instances);
    }

    private static Finding finding(String version, SingleValidationMessage message) {
        String place = message.getLocationString().replaceAll("\\[\\d+\\]", "").replaceAll("/\\*.*?\\*/", "");
        String text = message.getMessage().replaceAll("\\[\\d+\\]", "").replaceAll("\\s+", " ")
                // Of codings the system tells findings apart, not the code.
                .replaceAll("#[^,)]+(?=[,)])", "")
                .replaceAll("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID");
        return new Finding(version, place, text);
    }

    private static List<Path> jsonFiles(Path folder) throws IOException {
        var found = new ArrayList<Path>();
        try (var files = Files.newDirectoryStream(folder, "*.json")) {
            files.forEach(found::add);
        }
        found.sort(null);
        return found;
    }
}
