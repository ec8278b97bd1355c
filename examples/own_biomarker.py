"""A biomarker of your own: how much darker the back third of a body is than its front third.

python examples/own_biomarker.py
"""

import numpy as np

from lbp_prognosis.biomarkers import Case, Image, Mask, Recipe, extract


def back_to_front(case: Case) -> list[dict]:
    """Return the mean signal of the back third of each body over that of its front third."""
    rows = []
    for level, body in case.spine.bodies.items():
        values = case.intensities(body.region)
        ap = body.frame.to_local(body.region.points)[:, 0]
        ok = values.size == ap.size and not body.region.cut
        back, front = (values[side] if ok else np.empty(0) for side in (ap < -body.depth / 6, ap > body.depth / 6))
        value = back.mean() / front.mean() if ok and front.mean() > 0 else np.nan
        reason = "" if np.isfinite(value) else "no image, or the body is cut"
        row = {"structure": "vertebral_body", "measure": "own_back_to_front", "unit": "ratio", "level": level}
        rows.append({**row, "value": value, "reason": reason, "method_id": "thirds_of_depth"})
    return rows


back_to_front.version = "1"  # goes into the provenance, with the hash of the source
back_to_front.overlay = lambda case: [  # lines in the pictures: here the borders of the thirds
    body.frame.to_world(np.array([[ap, 0, -12], [ap, 0, 12]]))
    for body in case.spine.bodies.values()
    for ap in (-body.depth / 6, body.depth / 6)
]

if __name__ == "__main__":
    mask = np.zeros((50, 40, 120), dtype=np.int16)
    for number, low in ((45, 10), (44, 45), (43, 80)):
        mask[5:45, 5:35, low : low + 26] = number
    signal = np.linspace(100, 200, 40)[None, :, None] * np.ones(mask.shape)
    study = {"patient_id": "p1", "mask": Mask(mask, np.eye(4)), "image": Image(signal, np.eye(4))}
    result = extract({**study, "convention": "totalspineseg"}, Recipe(families=("bone", back_to_front)))
    table = result.to_frame()
    print(table.loc[table["measure"] == "own_back_to_front", ["level", "value", "method_id"]].to_string(index=False))
