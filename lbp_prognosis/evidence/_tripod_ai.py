"""``tripod_ai_items``: the reporting items, by number and in our own words."""

from __future__ import annotations

import pandas as pd

__all__ = ["tripod_ai_items"]

# number, section, what to report, whether software can fill it from results
_ITEMS: tuple[tuple[str, str, str, bool], ...] = (
    ("1", "title", "Name it as development or evaluation of a prediction model; name population and outcome.", False),
    ("2", "abstract", "Give a structured abstract.", False),
    ("3a", "introduction", "Explain the context and why a model is wanted, with reference to existing ones.", False),
    ("3b", "introduction", "Describe the target population, the place in the care pathway and the users.", False),
    ("3c", "introduction", "Describe known inequalities between groups in this field.", False),
    ("4", "introduction", "State the aims: development, evaluation, or both.", False),
    ("5a", "methods", "Describe the sources of data for development and evaluation, and why they suit.", False),
    ("5b", "methods", "Give the dates between which data were collected and followed up.", True),
    ("6a", "methods", "Describe the setting and the number and place of centres.", True),
    ("6b", "methods", "Give the rules of eligibility.", False),
    ("6c", "methods", "Describe treatments received, and how they were handled.", False),
    ("7", "methods", "Describe the preparation of the data, harmonisation and quality checks.", True),
    ("8a", "methods", "Define the outcome, its horizon, and how and when it was assessed.", True),
    ("8b", "methods", "Describe who assessed the outcome.", False),
    ("8c", "methods", "Say whether assessors were blind to the predictors.", False),
    ("9a", "methods", "Explain how the predictors were chosen at the outset.", False),
    ("9b", "methods", "Define each predictor, when and how it was measured, and any blinding.", True),
    ("9c", "methods", "Describe who assessed predictors that need judgement.", False),
    ("10", "methods", "Explain how the sample size was reached, for development and for evaluation.", True),
    ("11", "methods", "Describe how missing data were handled.", True),
    ("12a", "methods", "Describe how the data were divided or resampled.", True),
    ("12b", "methods", "Describe how predictors were handled: form, scaling, transformation.", True),
    ("12c", "methods", "State the type of model, all steps of building and tuning, and internal validation.", True),
    ("12d", "methods", "Describe how differences between clusters (centres) were handled.", True),
    ("12e", "methods", "State the measures of performance: discrimination, calibration, utility.", True),
    ("12f", "methods", "Describe any updating of the model.", True),
    ("12g", "methods", "Say how predictions were computed for evaluation.", True),
    ("13", "methods", "Describe any handling of class imbalance, and the recalibration that followed.", True),
    ("14", "methods", "Describe what was done about fairness, and for which groups.", True),
    ("15", "methods", "State what the model outputs, and any thresholds with their reason.", True),
    ("16", "methods", "Describe differences between development and evaluation data.", True),
    ("17", "methods", "Name the ethics committee and the consent.", False),
    ("18a", "open science", "Name the funding and its role.", False),
    ("18b", "open science", "Declare conflicts of interest.", False),
    ("18c", "open science", "Say where the protocol can be read.", False),
    ("18d", "open science", "Give the registration.", False),
    ("18e", "open science", "Say how data can be had.", False),
    ("18f", "open science", "Say how code can be had.", False),
    ("19", "patient involvement", "Describe how patients and public were involved, or say that they were not.", False),
    ("20a", "results", "Show the flow of participants, events and follow-up.", True),
    ("20b", "results", "Describe the participants, with missing values.", True),
    ("20c", "results", "Compare development and evaluation data.", True),
    ("21", "results", "Give the numbers of participants and events in each analysis.", True),
    ("22", "results", "Specify the whole model, so that it can be used and evaluated by others.", True),
    ("23a", "results", "Give performance with intervals, for key groups too.", True),
    ("23b", "results", "Give the variation of performance between clusters.", True),
    ("24", "results", "Give the results of updating.", True),
    ("25", "discussion", "Interpret the results, fairness included.", False),
    ("26", "discussion", "Discuss limitations.", False),
    ("27a", "discussion", "Say how poor or missing input is handled when the model is used.", True),
    ("27b", "discussion", "Say what users must do and know when using it.", False),
    ("27c", "discussion", "Say what should come next.", False),
)


def tripod_ai_items() -> pd.DataFrame:
    """Return the items of TRIPOD+AI: ``item, section, text, autofill``.

    ``text`` is a summary in our own words: consult the statement before reporting. ``autofill`` says whether software
    can fill the item from results; the others are for the authors.

    References
    ----------
    Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement. BMJ 2024;385:e078378. doi:10.1136/bmj-2023-078378
    """
    return pd.DataFrame(_ITEMS, columns=["item", "section", "text", "autofill"])
