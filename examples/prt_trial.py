"""Who responds to treatment of chronic back pain? From a trial's raw long table to a response outcome.

Run as ``python examples/prt_trial.py FOLDER``, where the folder holds ``Ashar2022_outcomes_demographics.csv``.
"""

# %%
import sys
from pathlib import Path

from lbp_prognosis.cohort import ChronicTransition, Cohort, CohortSpec, Criterion, MCIDResponse
from lbp_prognosis.schema import map_tables, validate_package
from lbp_prognosis.survival import status_horizon

FILE = "Ashar2022_outcomes_demographics.csv"
HERE = Path(__file__).resolve().parent


# %% [markdown]
# The raw table is long, writes `<undefined>` where nothing is known, and holds healthy controls beside the patients.
# A mapping file says which column becomes what; nothing is dropped in silence.


# %%
def main(folder: str) -> Cohort:
    """Map, validate, build the cohort, and print what happened."""
    mapped = map_tables(HERE / "prt_trial_mapping.toml", folder)
    print(mapped.rows.to_string(index=False), end="\n\n")
    print(mapped.actions[["table", "field", "column", "action", "n_missing"]].to_string(index=False), end="\n\n")
    print("left out on purpose:", ", ".join(mapped.unmapped.loc[mapped.unmapped["ignored"], "column"]), end="\n\n")

    report = validate_package(mapped.tables).raise_if_failed()
    print(report, end="\n\n")

    # Response: pain at the visit after one month at least 30 % below its value before treatment.
    outcome = MCIDResponse(horizons=(1,), instrument="nrs_back", relative=0.30, visit=True, unit="months")
    rules = CohortSpec(eligibility=(Criterion("nrs_back", "present"),))
    cohort = Cohort.build(report, rules, outcome)
    print(cohort.flow.to_frame().to_string(index=False), end="\n\n")
    for doubt in cohort.objections:
        print("objection:", doubt)

    # A visit that was not attended is −1, not a failure to respond.
    state = cohort.outcome["status"]
    seen = state >= 0
    by_arm = cohort.patients.assign(responded=state)[seen].groupby("arm")["responded"].agg(["sum", "size"])
    print(f"\nresponse at {status_horizon(cohort.outcome):g} month, of those seen ({seen.sum()} of {len(cohort)})")
    print(by_arm.rename(columns={"sum": "responded", "size": "n"}).to_string(), end="\n\n")
    # Another outcome of the same package: pain above 1 at the same visit; its absence is being (nearly) free of pain.
    pain = Cohort.build(report, rules, ChronicTransition(horizon=1, instrument="nrs_back", above=1))
    free = pain.patients.assign(free=pain.outcome["status"] == 0).groupby("arm")["free"].agg(["sum", "size"])
    print("free or nearly free of pain, of all randomised")
    print(free.rename(columns={"sum": "free", "size": "n"}).to_string(), end="\n\n")
    print(cohort.table_one("arm").to_frame().to_string(index=False))
    return cohort


# %%
if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("data") / "ashar2022_prt_trial"
    if not (where / FILE).is_file():
        print(f"skipped: {FILE} is not in {where}")
        sys.exit(0)
    main(str(where))
