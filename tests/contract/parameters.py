"""What each public parameter that contains no row is, by its name; those that do stand in `lbp_prognosis._base.ROLES`.

A new name fails `test_intake.py` until it has a line in one of the two.
"""

from __future__ import annotations

__all__ = ["PARAMETERS"]

_BY_ROLE = {
    "a choice by word": """
        action any_unit at at_threshold between by censoring_ties claim collinear dates dependence extrapolation form
        from_state imputation
        interval kind method mode strategy null_likelihood oe_interval polarity policy quantity reason rule scale scaled
        shrinkage sides smoother source spacing standard structure summary target ties time_unit transform unit
        score_range statement unvalidated_reason use
        variance weight weighting
    """,
    "a number or a switch": """
        absorbing accepted alpha block_rows amount approved_for_care auc c_statistic c_width cause censored
        cluster_autocorrelation cluster_size coef confidence control cut days deep degree df_complete digits discount
        delta draws
        end false_alarms_per_year follow_up h harm held_out high home icc in_degrees incomplete indexes intercept
        keep_predictions last least low lp_mean lp_sd max_age max_bytes max_points max_rows max_time mean_absolute_error
        mean_follow_up mean_only min_at_risk min_cell min_censoring_survival min_count min_days min_events min_expected
        min_n min_pairs min_wear minimum most n n_bins n_bootstrap n_draws n_future n_groups n_inner n_jobs n_models
        k n_permutations n_repeats n_resamples n_simulations n_splits net_benefit_width nodes observed_expected oe_width
        ordered p p_y_given_f p_y_given_not_f penalty per power prevalence prior progress q r2 r2_cox_snell
        r2_nagelkerke random_state rate ratio recovered_at_most reference_sensitivity reference_specificity
        relapsed_above return_array rho risk_beta risk_margin risk_table rounds sd sensitivity size size_cv skewed
        kvp slope_sd slope_width smallest smallest_cell span specificity start steps strict synthetic tau tol visit
        important smallest_detectable
        weibull_shape width truncate
        estimate external limits rare true
        look_back max_rounds n_nodes observed_before timeout
    """,
    "a grid, an order or one value per group, site or stage": """
        band bands batches bins clock counts cuts deltas equation errors estimates gamma gaps horizon horizons knots
        known landmarks levels moments multipliers numbers probabilities quantiles standard_errors tail threshold
        score_range threshold_range thresholds times until visits weights which
    """,
    "names of columns, groups, models or terms": """
        absent against
        acquired_on actor added allowed_missing biomarkers categories causes clinical_minimum column columns conditions
        constructs coordinate coordinates courses device exclude_ids feature features fields formula instrument
        interactions item items key label labels level mapping measure measures merged method_id metric metrics
        modalities modality multiple name names nominal other outcome_measures parameters patient_id players pooled
        poolings
        reference_site sections session_id side state states stratum subgroup subgroups surgery term terms title totals
        tree types units useful value_labels value_set strategies wear where
    """,
    "a model, a result or a step": """
        agreement answered answers baseline calibration candidates caption censoring comparator conversions curve design
        development log membership estimator evaluation events evidence files fit fitted frames imputations ledger
        left_out model models outcome_model
        new null_models old packets provenance release_ledger replicates request resamples results rules sample samples
        retest setting step study tables validation with_ without
        earlier grid load records
    """,
    "a table or an outcome with rows of its own": """
        X_development X_validation X_with X_without data description extension flexion frame grades history
        index instead norms outcome package
        patient patients places prom row rows structures studies table text timeline trials y_development y_validation
        ancestors concept_ids readings stretches
    """,
    "read row by row, in the order of `aligned` or of their own": """
        at_least at_most event id ids initial intervention log_hazards lower lp lp_development lp_from_c lp_validation
        exposed match pairs periods predictions previous status stop time upper value x
    """,
    "where something is drawn or written": """
        artifact_sha256 ax axes checkpoint color comparator_id content date digest expect_sha256 folder model_id page
        path
    """,
    "what stands on a model card or in a plan": """
        licence limitations plan reasons result
    """,
    "the function's own machinery": """
        caller cls input_features keywords kinds options parts self
    """,
}

PARAMETERS: dict[str, str] = {name: role for role, names in _BY_ROLE.items() for name in names.split()}
