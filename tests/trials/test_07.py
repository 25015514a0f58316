"""Amounts in currencies without decimals and with three (woocommerce-gateway-stripe 2720)."""

from tests.trials.playing import Answer, play


def billed(answer: Answer) -> list[str]:
    """Every bill in an answer's decisions, as it is written."""
    entries = answer.body.get("entry", ())
    parameters = [each.get("resource", {}).get("parameter", ()) for each in entries]
    found = [one["valueMoney"] for each in parameters for one in each if one["name"] == "billed"]
    return [f"{money['value']} {money['currency']}" for money in found]


def test_an_amount_is_what_its_currency_makes_of_it(gateway: str) -> None:
    answers = play(gateway, "07")
    charges = [answer for answer in answers if answer.asked.startswith("CloudEvents")]
    timeline = answers[-1]

    assert {
        each.asked: billed(each) for each in answers if each.asked.startswith("FHIR Claim")
    } == {
        "FHIR Claim 12000 JPY": ["12000 JPY"],
        "FHIR Claim 12000.5 JPY": [],
        "FHIR Claim 50000 KRW": ["50000 KRW"],
        "FHIR Claim 12.345 KWD": ["12.345 KWD"],
        "FHIR Claim 0.005 CNY": [],
    }
    assert [answer.status for answer in charges] == [200, 200, 200, 422]
    assert "ISO 4217" in charges[-1].said
    discharges = [billed(each) for each in answers if "which amount" in each.asked]
    assert discharges == [["12000 JPY"], ["50000 KRW"], ["12.345 KWD"], []]
    assert "12.345 KWD" in timeline.events("direct-pay.decided")[0]["summary"]
    assert "123.45" not in timeline.said
