"""What customers of a bank ask, in German, written for this benchmark: sentences to fill in, with their intents."""

from __future__ import annotations

import random

_AMOUNTS = ("20 Euro", "50 Euro", "120 Euro", "300 Euro", "1.000 Euro")
_DAYS = ("gestern", "heute früh", "am Montag", "am Freitag", "letzte Woche", "vor drei Tagen")
_PLACES = ("in Spanien", "im Supermarkt", "am Bahnhof", "in der Türkei", "im Hotel", "am Flughafen")

_SENTENCES = (
    ("card_arrival", "Meine Karte ist noch nicht angekommen, ich habe sie {day} bestellt."),
    ("card_arrival", "Wann kommt meine neue Karte endlich an?"),
    ("card_linking", "Wie verbinde ich meine neue Karte mit der App?"),
    ("card_linking", "Ich habe meine alte Karte wiedergefunden, wie aktiviere ich sie wieder?"),
    ("lost_or_stolen_card", "Ich habe meine Karte {day} {place} verloren, bitte sperren Sie sie."),
    ("lost_or_stolen_card", "Mir wurde {day} die Geldbörse mit der Karte gestohlen."),
    ("card_not_working", "Meine Karte funktioniert seit {day} nicht mehr."),
    ("card_swallowed", "Der Automat {place} hat meine Karte eingezogen, was soll ich tun?"),
    ("declined_card_payment", "Warum wurde meine Zahlung {place} {day} abgelehnt?"),
    ("declined_cash_withdrawal", "Ich konnte {day} {place} kein Geld abheben."),
    ("declined_transfer", "Meine Überweisung über {amount} wurde zurückgewiesen."),
    ("failed_transfer", "Die Überweisung von {amount} hat {day} nicht geklappt, woran liegt das?"),
    ("pending_transfer", "Meine Überweisung vom Konto hängt seit {day}, wann geht sie durch?"),
    ("pending_card_payment", "Die Zahlung über {amount} {place} steht immer noch als ausstehend da."),
    ("pending_cash_withdrawal", "Meine Abhebung über {amount} ist noch nicht abgeschlossen."),
    ("transfer_not_received_by_recipient", "Der Empfänger hat die {amount} von {day} noch nicht bekommen."),
    ("transfer_fee_charged", "Warum habe ich für die Überweisung von {amount} eine Gebühr bezahlt?"),
    ("cash_withdrawal_charge", "Wieso kostet das Abheben {place} eine Gebühr?"),
    ("card_payment_fee_charged", "Für meine Zahlung {place} wurde mir eine Gebühr berechnet."),
    ("wrong_amount_of_cash_received", "Ich wollte {amount} abheben und bekam {place} weniger heraus."),
    ("wrong_exchange_rate_for_cash_withdrawal", "Der Wechselkurs bei meiner Abhebung {place} stimmt nicht."),
    ("card_payment_wrong_exchange_rate", "Beim Bezahlen {place} wurde ein falscher Kurs verwendet."),
    ("exchange_rate", "Welchen Wechselkurs bekomme ich, wenn ich {amount} umtausche?"),
    ("exchange_via_app", "Kann ich in der App Geld in eine andere Währung tauschen?"),
    ("change_pin", "Wo kann ich die PIN meiner Karte ändern?"),
    ("pin_blocked", "Ich habe die PIN dreimal falsch eingegeben, jetzt ist die Karte gesperrt."),
    ("passcode_forgotten", "Ich habe mein Passwort vergessen und komme nicht mehr in die App."),
    ("verify_my_identity", "Welche Unterlagen brauchen Sie, um meine Identität zu prüfen?"),
    ("unable_to_verify_identity", "Die Prüfung meines Ausweises ist {day} fehlgeschlagen."),
    ("edit_personal_details", "Ich bin umgezogen und möchte meine Anschrift ändern."),
    ("terminate_account", "Ich möchte mein Konto kündigen."),
    ("top_up_failed", "Das Aufladen von {amount} ist {day} fehlgeschlagen."),
    ("pending_top_up", "Ich habe {day} {amount} aufgeladen, das Geld ist aber noch nicht da."),
    ("topping_up_by_card", "Wie kann ich mein Konto mit der Karte aufladen?"),
    ("automatic_top_up", "Kann ich mein Konto automatisch mit {amount} aufladen lassen?"),
    ("request_refund", "Ich möchte die {amount} für meinen Einkauf {place} zurückhaben."),
    ("refund_not_showing_up", "Die Erstattung über {amount} ist seit {day} nicht auf meinem Konto."),
    ("transaction_charged_twice", "Mir wurden {amount} {place} zweimal abgebucht."),
    ("direct_debit_payment_not_recognised", "Die Lastschrift über {amount} von {day} kenne ich nicht."),
    ("country_support", "In welchen Ländern kann ich Ihre Karte benutzen?"),
)


def german(seed: int = 7, turns: int = 8) -> list[tuple[str, str]]:
    """Give texts with their intents: each sentence as often as `turns` ways to fill it in differ."""
    chosen = random.Random(seed)  # noqa: S311 - texts that are the same each time
    found = {}
    for _ in range(turns):
        for intent, sentence in _SENTENCES:
            filled = sentence.format(
                amount=chosen.choice(_AMOUNTS), day=chosen.choice(_DAYS), place=chosen.choice(_PLACES)
            )
            found[filled] = intent
    return list(found.items())
