from streamcls.bench import plan


def test_smaller_inputs_are_whole_steps() -> None:
    assert plan.smaller_sizes(224) == [192, 160]
    assert plan.smaller_sizes(299) == [256, 224]
    assert plan.smaller_sizes(32) == []
