"""``simulate_cohort``: a multicentre cohort with four modalities and a realistic effect of imaging."""

from __future__ import annotations

from lbp_prognosis._base import RandomState, argument_error, check_choice, check_number, generator
from lbp_prognosis.datasets._latent_cohort import Settings, latent_cohort
from lbp_prognosis.datasets._relational_tables import relational_tables
from lbp_prognosis.datasets._simulated_cohort import SimulatedCohort

__all__ = ["simulate_cohort"]


def simulate_cohort(
    n: int = 1000,
    seed: RandomState = 0,
    *,
    imaging_effect: float = 1.0,
    sites: int = 8,
    site_sd: float = 0.25,
    shift: float = 0.0,
    baseline_shift: float = 0.0,
    grade_noise: float = 0.30,
    disc_icc: float = 0.5,
    imaging: str = "indication",
    imaging_rate: float | None = None,
    missingness: float = 0.05,
    skipping: float = 0.15,
    attrition: float = 0.25,
    dropout_after_recovery: float = 1.0,
    surgery: float = 0.05,
    mortality: float = 0.0,
    follow_up: float = 24.0,
) -> SimulatedCohort:
    """Simulate patients with low back pain followed to recovery.

    Nothing of it is evidence: the cohort, its package and all results carry ``synthetic=True``.

    Parameters
    ----------
    n : int, default 1000
        Patients.
    seed : int, SeedSequence or Generator, default 0
        Seed.
    imaging_effect : float, default 1.0
        Multiplier of the imaging terms of the hazard. 0: imaging is a proxy of age. 1: imaging adds about 0.005 to the
        AUC of the clinical model. 2: optimistic.
    sites : int, default 8
        Centres; each has one scanner (field strength, vendor).
    site_sd : float, default 0.25
        Standard deviation of the centres' log baseline hazards.
    shift : float, default 0.0
        Standard deviations by which patients are more severe than usual (another case mix, same effects).
    baseline_shift : float, default 0.0
        Added to the log-hazard of recovery (another setting, same case mix).
    grade_noise : float, default 0.3
        Standard deviation of the program's error on a disc's degeneration, which has about unit variance.
    disc_icc : float, default 0.5
        Correlation of two discs of one patient.
    imaging : {"indication", "all"}, default "indication"
        Selection for imaging: by severity, or all patients.
    imaging_rate : float, optional
        Share imaged; by default it follows from the indication (about 0.2).
    missingness : float, default 0.05
        Share of baseline questionnaires, discs and movement tests that are missing.
    skipping : float, default 0.15
        Share of follow-up visits not attended.
    attrition : float, default 0.25
        Share lost to follow-up by its end, more often the young, the smokers and the distressed.
    dropout_after_recovery : float, default 1.0
        Factor on the hazard of leaving once recovered (1: leaving depends on baseline only).
    surgery : float, default 0.05
        Surgery per year at the reference patient; it competes with recovery.
    mortality : float, default 0.0
        Deaths per year at the age of 48, rising with age; death competes with recovery as a third event.
    follow_up : float, default 24.0
        End of follow-up, months.

    Returns
    -------
    SimulatedCohort
        Relational tables, the wide view and the truth.

    Raises
    ------
    ArgumentError
        If a number is out of range or ``imaging`` is not one of its words.

    See Also
    --------
    lbp_prognosis.fusion.RiskPipeline : How do preparation and model become one estimator?

    Notes
    -----
    Recovery is Weibull with shape 0.75 and a twelve-month probability of about 0.53. At ``imaging_effect=1``, before
    attrition and visits, a clinical model reaches an AUC of about 0.77 for recovery by twelve months, with imaging
    about 0.78, imaging alone about 0.60; the program's disc score tells true grades of at least 4 apart with an AUC of
    about 0.97 and recovery with about 0.58. Readers err by 0.25 standard deviations of a disc's degeneration. In one
    imaged patient of six a second reader grades the discs, the first grades them again, and the fat fraction is
    measured on two scans, with a within-patient standard deviation of 1.5 points.

    Examples
    --------
    >>> from lbp_prognosis.datasets import simulate_cohort
    >>> cohort = simulate_cohort(200, seed=1)
    >>> X, y, modalities = cohort.wide()
    >>> sorted(modalities), cohort.synthetic
    (['biomechanical', 'clinical', 'imaging', 'patient_reported'], True)
    """
    n = int(check_number("n", n, low=1, whole=True))
    check_choice("imaging", imaging, ("indication", "all"))
    check_number("sites", sites, low=1, whole=True)
    for name, value in (
        ("site_sd", site_sd),
        ("grade_noise", grade_noise),
        ("surgery", surgery),
        ("mortality", mortality),
    ):
        check_number(name, value, low=0)
    check_number("disc_icc", disc_icc, low=0, high=1)
    for name, value in (("missingness", missingness), ("skipping", skipping), ("attrition", attrition)):
        check_number(name, value, low=0, high=1, open_high=True)
    if imaging_rate is not None:
        check_number("imaging_rate", imaging_rate, low=0, high=1)
        if imaging == "all":
            raise argument_error("imaging_rate", "left out when everyone is imaged", imaging_rate)
    check_number("dropout_after_recovery", dropout_after_recovery, low=0, open_low=True)
    check_number("follow_up", follow_up, low=0, open_low=True)
    for name, value in (("imaging_effect", imaging_effect), ("shift", shift), ("baseline_shift", baseline_shift)):
        check_number(name, value)
    settings = Settings(
        imaging_effect,
        int(sites),
        site_sd,
        shift,
        baseline_shift,
        grade_noise,
        disc_icc,
        imaging,
        imaging_rate,
        missingness,
        skipping,
        attrition,
        dropout_after_recovery,
        surgery,
        mortality,
        follow_up,
    )
    rng = generator(seed)
    latent = latent_cohort(n, rng, settings)
    tables, measured = relational_tables(latent, rng, settings)
    return SimulatedCohort(tables, latent, measured, settings)
