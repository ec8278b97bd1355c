"""``decide_ai_items``, ``consort_ai_items``: items to report for first use and for a trial, in our own words."""

from __future__ import annotations

import pandas as pd

__all__ = ["consort_ai_items", "decide_ai_items"]

# number, section, what to report, the fact of a model file, a log or a trial that answers it
_DECIDE = (
    ("1", "title", "Name it as a first clinical evaluation of decision support by a model, and the problem.", ""),
    ("2a", "introduction", "Describe the condition, current practice and the intended patients.", "population"),
    (
        "2b",
        "introduction",
        "Describe the intended users, the place in the care pathway and what is to improve.",
        "purpose",
    ),
    ("3a", "methods", "Describe how patients were recruited, criteria for patients and for data, and the number.", ""),
    ("3b", "methods", "Describe how users were recruited, their criteria and their number.", ""),
    ("3c", "methods", "Describe how users were made familiar with the model.", ""),
    (
        "4a",
        "methods",
        "Give the version, the kind of model, the patients it was trained on and its performance.",
        "model",
    ),
    ("4b", "methods", "Name the inputs, how they are acquired, and what is done about missing or poor ones.", "inputs"),
    ("4c", "methods", "Describe the output and how it is shown to users.", "output"),
    ("5a", "methods", "Describe the settings in which the model was evaluated.", ""),
    ("5b", "methods", "Describe the workflow, when the model is used, and who decides how.", ""),
    ("6a", "methods", "Define errors and malfunctions, and how they are found.", "checks"),
    ("6b", "methods", "Describe how risks to patients were found, judged and kept small.", ""),
    ("7", "methods", "Describe the methods and users of the evaluation of human factors.", ""),
    ("8", "methods", "Describe what was done towards an ethical goal, such as fairness, and why.", ""),
    ("9a", "results", "Describe the patients and the missing values of the inputs.", ""),
    ("9b", "results", "Describe the users.", ""),
    ("10a", "results", "Report how often the model was used and how far users followed the plan.", "log"),
    ("10b", "results", "Report changes of the workflow that the model brought.", ""),
    ("11", "results", "Report changes of the model or its platform during the study.", "versions"),
    ("12", "results", "Report how often users agreed with the model, and why not.", ""),
    ("13a", "results", "List errors and malfunctions, with rate, cause and consequence.", ""),
    ("13b", "results", "Report risks to patients and harm that was seen.", ""),
    ("14a", "results", "Report the usability.", ""),
    ("14b", "results", "Report how use changed with experience.", ""),
    ("15", "discussion", "Say whether the results support the intended use.", ""),
    ("16", "discussion", "Say what the results mean for safety.", ""),
    ("17", "statements", "State which data and code can be had, and how.", ""),
)
_CONSORT = (
    ("1a,b (i)", "title and abstract", "Say that a prediction model is the intervention, and of which kind.", "model"),
    ("1a,b (ii)", "title and abstract", "State the intended use of the model in the trial.", "purpose"),
    ("2a (i)", "introduction", "Explain the use in the care pathway: purpose and users.", "purpose"),
    ("4a (i)", "methods", "State the criteria of inclusion of participants.", "population"),
    ("4a (ii)", "methods", "State the criteria of inclusion of the input data.", "inputs"),
    ("4b", "methods", "Describe how the model was put into the trial setting, and what it needs there.", ""),
    ("5 (i)", "methods", "State the version of the model.", "version"),
    ("5 (ii)", "methods", "Describe how the input data were acquired and selected.", "inputs"),
    ("5 (iii)", "methods", "Describe how poor or absent input data were judged and handled.", "checks"),
    ("5 (iv)", "methods", "Say whether people handle the inputs, and with which expertise.", ""),
    ("5 (v)", "methods", "Specify the output of the model.", "output"),
    ("5 (vi)", "methods", "Explain how the output contributed to decisions.", ""),
    ("19", "results", "Report the analysis of errors of prediction, or why there is none.", "log"),
    ("25", "other", "State whether and how the model can be had.", "access"),
)
_COLUMNS = ["item", "section", "text", "fact"]


def decide_ai_items() -> pd.DataFrame:
    """Return the items of DECIDE-AI that concern the model: ``item, section, text, fact``.

    ``text`` is a summary of ours: consult the statement before reporting. ``fact`` names what a model file, a
    silent-mode log or a trial says about the item, empty if only the authors can answer it; the ten generic items are
    not repeated.

    Examples
    --------
    >>> from lbp_prognosis.evidence import decide_ai_items
    >>> len(decide_ai_items())
    28

    References
    ----------
    Vasey B, Nagendran M, Campbell B, et al. DECIDE-AI. Nat Med 2022;28:924–933. doi:10.1038/s41591-022-01772-9
    """
    return pd.DataFrame(_DECIDE, columns=_COLUMNS)


def consort_ai_items() -> pd.DataFrame:
    """Return the items that CONSORT-AI adds to CONSORT 2010: ``item, section, text, fact``, as `decide_ai_items`.

    Examples
    --------
    >>> from lbp_prognosis.evidence import consort_ai_items
    >>> len(consort_ai_items())
    14

    References
    ----------
    Liu X, Cruz Rivera S, Moher D, Calvert MJ, Denniston AK, et al. CONSORT-AI extension. Nat Med 2020;26:1364–1374.
    doi:10.1038/s41591-020-1034-x
    """
    return pd.DataFrame(_CONSORT, columns=_COLUMNS)
