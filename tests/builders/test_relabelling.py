"""Labels that are left out, or called otherwise."""

import numpy as np
import pytest

from streamcls.builders.relabelling import relabelling
from streamcls.config.settings import PostprocessSettings
from streamcls.errors import SettingsError
from streamcls.records import Prediction

LABELS = ("bolt_ok", "bolt_bad", "nut_ok", "background")
SAID = Prediction(np.array([0.3, 0.2, 0.25, 0.25], np.float32), LABELS)


def changed(**asked: object) -> Prediction:
    settings = PostprocessSettings.model_validate(asked)
    return relabelling(settings, LABELS)(SAID)


def shown(prediction: Prediction) -> list[tuple[str, int, float]]:
    """All that it says, best first."""
    return [(s.label, s.class_id, round(s.prob, 6)) for s in prediction.top(10)]


def test_without_settings_the_answer_is_the_very_same() -> None:
    assert changed() is SAID
    assert changed(allow=list(LABELS)) is SAID


def test_denied_labels_are_left_out_and_the_others_stay() -> None:
    found = changed(deny=["background", "bolt_ok"])
    assert shown(found) == [("nut_ok", 2, 0.25), ("bolt_bad", 1, 0.2)]
    assert found.probs.sum() == pytest.approx(0.45)  # what is left out is not shared out


def test_only_allowed_labels_are_left() -> None:
    assert shown(changed(allow=["bolt_bad", "nut_ok"])) == [
        ("nut_ok", 2, 0.25),
        ("bolt_bad", 1, 0.2),
    ]


def test_an_alias_is_another_name_for_the_same_class() -> None:
    assert shown(changed(aliases={"bolt_bad": "reject"}))[-1] == ("reject", 1, 0.2)


def test_labels_with_the_same_alias_are_one_with_the_number_of_the_first() -> None:
    assert shown(changed(aliases={"nut_ok": "OK", "bolt_ok": "OK"})) == [
        ("OK", 0, 0.55),
        ("background", 3, 0.25),
        ("bolt_bad", 1, 0.2),
    ]


def test_an_alias_may_be_another_label() -> None:
    assert shown(changed(aliases={"background": "bolt_bad"}))[0] == ("bolt_bad", 1, 0.45)


def test_what_is_left_out_is_not_in_the_sum_of_its_alias() -> None:
    found = changed(aliases={"nut_ok": "OK", "bolt_ok": "OK"}, deny=["bolt_ok", "background"])
    assert shown(found) == [("OK", 2, 0.25), ("bolt_bad", 1, 0.2)]


def test_the_answer_before_stays_as_it_was_and_the_new_one_is_read_only() -> None:
    before = SAID.probs.copy()
    found = changed(aliases={"nut_ok": "OK", "bolt_ok": "OK"})
    assert np.array_equal(SAID.probs, before)
    assert SAID.labels == LABELS
    assert found.probs.dtype == np.float32
    assert found.probs.shape == (4,)
    assert not found.probs.flags.writeable


def test_top_gives_none_that_is_left_out_even_where_all_the_others_are_0() -> None:
    settings = PostprocessSettings(deny=("bolt_bad", "nut_ok", "background"))
    sure = Prediction(np.array([0, 1, 0, 0], np.float32), LABELS)
    assert shown(relabelling(settings, LABELS)(sure)) == [("bolt_ok", 0, 0.0)]


def test_all_unknown_labels_are_told_at_once_with_the_nearest_name() -> None:
    settings = PostprocessSettings.model_validate(
        {"deny": ["bakground", "background"], "aliases": {"bolt_okk": "OK", "screw": "S"}}
    )
    with pytest.raises(SettingsError) as raised:
        relabelling(settings, LABELS)
    lines = str(raised.value).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("postprocess.deny: the model has no label 'bakground'")
    assert "'background'" in lines[0]
    assert lines[1].startswith("postprocess.aliases: the model has no label 'bolt_okk'")
    assert "'bolt_ok'" in lines[1]
    assert lines[2] == "postprocess.aliases: the model has no label 'screw'"


def test_an_unknown_label_that_is_allowed_is_told() -> None:
    with pytest.raises(SettingsError, match=r"postprocess\.allow: the model has no label 'nutok'"):
        relabelling(PostprocessSettings(allow=("nutok",)), LABELS)


def test_something_has_to_be_left() -> None:
    with pytest.raises(SettingsError, match=r"postprocess\.deny: leaves no label of the model"):
        relabelling(PostprocessSettings(deny=LABELS), LABELS)
