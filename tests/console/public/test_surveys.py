"""Surveys: the last word counts, and a random sample is asked its own question."""



from ledger.messages import Message
from ledger.survey_answers import SurveyAnswer
from ledger.surveys import Survey
from tests.console.public.letter import link, rows
from tests.outreach.house import DAY, NOW


def test_a_survey_keeps_the_last_word(house, client):
    address = link(house, "survey")
    client.post(address, data={"score": "2", "text": "late"})
    client.post(address, data={"score": "5", "text": "thank you"})
    (answer,) = rows(house, SurveyAnswer)
    assert (answer.score, answer.text, answer.customer_id) == (5, "thank you", "ann")
    assert client.post(address, data={"score": "9"}).status_code == 422


def test_a_random_sample_is_asked_its_own_question_and_learns_of_no_trouble(house, client):
    """Whoever is held out may hold this link: neither the question nor why they got it says that anything was wrong."""
    path = house.settings.folder / "playbooks" / "payment_failing.toml"
    path.write_text(path.read_text().replace("never_hold_out = true", "").replace("holdout    = 0.0", "holdout    = 0.5").replace(
        "smallest_effect = 0.02", 'smallest_effect = 0.02\n[measure.survey]\nkind = "nps"\nshare = 1.0'))  # fmt: skip
    (drawn,) = house.assignments()
    house.add(Survey(assignment_id=drawn.id, kind="nps", horizon_months=1, due_on=DAY, drawn_at=NOW))
    house.change(Message, {"id": house.message("ann").id}, kind="survey")
    asked = client.get(link(house, "survey")).text
    assert "How likely are you to recommend Lumen Broadband" in asked
    assert asked.count('type="radio"') == 11
    assert client.post(link(house, "survey"), data={"score": "11"}).status_code == 422
    client.post(link(house, "survey"), data={"score": "0"})
    assert [(s.score, s.kind) for s in rows(house, Survey)] == [(0, "nps")]
    why = client.get(link(house, "why")).text
    assert "chosen by lot" in why
    assert "payment" not in why
    assert "trouble" not in why
