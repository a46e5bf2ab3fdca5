"""Any experiment's file is read with every check, and a wrong word ends with the right ones."""

import json

import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind
from typer.testing import CliRunner

from cli.app import app
from core.errors import ConfigError
from loyalty.experiment import analyse
from loyalty.experiment_rows import read_experiment
from loyalty.question import Question

SPEND = Question("arm", "held", ("spend",))


def rows(seed=1, units=2_000, share=0.5, lift=1.0):
    draw = np.random.default_rng(seed)
    before, held = draw.gamma(2, 10, units), draw.random(units) < share
    spend = 0.8 * before + draw.normal(0, 5, units) + lift * ~held
    return pl.DataFrame({"arm": np.where(held, "held", "told"), "before": before, "spend": spend, "stayed": draw.random(units) < 0.9,
                         "account": np.arange(units) // 4})  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_the_command_prints_the_figures_of_a_file_as_json(tmp_path, ending):
    path = tmp_path / f"experiment.{ending}"
    getattr(rows(), f"write_{ending}")(path)
    said = CliRunner().invoke(app, ["effect", str(path), "--arm", "arm", "--control", "held", "--outcome", "spend", "--json"])
    found = json.loads(said.stdout)
    told, held = (rows().filter(pl.col("arm") == arm)["spend"].to_numpy() for arm in ("told", "held"))
    welch = ttest_ind(told, held, equal_var=False)
    assert set(found) == {"spend", "srm_p", "warnings"}
    assert set(found["spend"]["told"]) == {"n", "mean", "diff", "se", "ci", "p"}
    assert found["spend"]["told"]["ci"] == pytest.approx(list(welch.confidence_interval(0.95)))
    assert found["spend"]["told"]["p"] == pytest.approx(welch.pvalue)
    assert found["spend"]["held"] == {"n": len(held), "mean": pytest.approx(held.mean()), "diff": None, "se": None, "ci": None, "p": None}
    assert found["warnings"] == []


def test_what_was_known_before_narrows_the_interval():
    plain, cut = (analyse(rows(), Question("arm", "held", ("spend",), pre)).outcomes["spend"]["told"] for pre in ((), ("before",)))
    assert cut["se"] < 0.5 * plain["se"]
    assert cut["mean"] == plain["mean"], "the means shown are those of the file"


def test_a_cluster_counts_once_and_one_in_several_arms_not_at_all():
    one = rows().with_columns(arm=pl.when(pl.col("account") % 2 == 0).then(pl.lit("held")).otherwise(pl.lit("told")))
    same = analyse(one, Question("arm", "held", ("spend",), (), "account"))
    apart = one.with_row_index().with_columns(arm=pl.when(pl.col("index") == 0).then(pl.lit("told")).otherwise("arm"))
    mixed = analyse(apart, Question("arm", "held", ("spend",), (), "account"))
    assert same.outcomes["spend"]["told"]["n"] == 250
    assert same.outcomes["spend"]["told"]["mean"] == pytest.approx(one.filter(pl.col("arm") == "told")["spend"].mean())
    assert mixed.warnings == ["Contamination: 1 of 500 clusters have rows in several arms and were left out."]


def test_an_uneven_draw_an_unbalanced_past_and_uneven_losses_are_told():
    uneven = analyse(rows(share=0.4), SPEND)
    assert uneven.srm_p < 0.01
    assert uneven.warnings[0].startswith("Sample ratio: arms of ")
    assert analyse(rows(share=0.4), Question("arm", "held", ("spend",), share=0.4)).srm_p > 0.01
    richer = rows().with_columns(before=pl.col("before") + 5 * (pl.col("arm") == "told"))
    assert "Balance: before the experiment before of told" in analyse(richer, Question("arm", "held", ("spend",), ("before",))).warnings[0]
    lost = rows().with_row_index().with_columns(
        spend=pl.when((pl.col("arm") == "told") & (pl.col("index") % 3 == 0)).then(None).otherwise("spend"))  # fmt: skip
    assert any("lost different shares" in warning for warning in analyse(lost, SPEND).warnings)


def test_several_outcomes_are_a_family_and_what_cannot_be_read_says_why():
    answer = analyse(rows().with_columns(gone=pl.lit(0)), Question("arm", "held", ("spend", "stayed", "gone")))
    assert answer.outcomes["gone"]["told"]["p"] is None
    assert "gone, told: cannot be read: nothing happened: all 2000 units have the same value." in answer.warnings
    assert answer.outcomes["stayed"]["told"]["p_adjusted"] >= answer.outcomes["stayed"]["told"]["p"]


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (Question("arm", "held", ("spnd",)), r"column 'spnd' does not exist. Did you mean 'spend'\? Known: "),
        (Question("arm", "hold", ("spend",)), r"arm: arm 'hold' does not exist. Did you mean 'told'\? Known: held, told"),
        (Question("arm", "held", ("arm",)), "column 'arm' holds String, not numbers"),
    ],
)
def test_a_wrong_word_ends_with_the_right_ones(tmp_path, question, said):
    rows().write_csv(tmp_path / "experiment.csv")
    with pytest.raises(ConfigError, match=said):
        read_experiment(tmp_path / "experiment.csv", question)


def test_a_file_that_is_not_there_or_of_another_kind_says_so(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        read_experiment(tmp_path / "nothing.csv", SPEND)
    (tmp_path / "experiment.xlsx").touch()
    with pytest.raises(ConfigError, match="Known: .csv, .csv.gz, .parquet"):
        read_experiment(tmp_path / "experiment.xlsx", SPEND)
