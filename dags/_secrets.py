"""Airflow's connections as the environment variables our channels read; a variable that is set already stays.

Only this folder knows Airflow, so the rooms read their secrets from the environment alone, wherever they run.
"""

import os

from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret

# connection id -> environment variable -> the connection's part
KNOWN = {
    "beforehand_sendgrid": {"SENDGRID_API_KEY": "password"},
    "beforehand_smtp": {"SMTP_USER": "login", "SMTP_PASSWORD": "password"},
    "beforehand_webhook": {"BEFOREHAND_WEBHOOK_SECRET": "password"},
}


def hand_over() -> None:
    """Set what the channels need from the connections that exist, and have Airflow mask it in its logs."""
    for named, variables in KNOWN.items():
        missing = {name: part for name, part in variables.items() if not os.environ.get(name)}
        if not missing:
            continue
        try:
            connection = Connection.get(named)
        except AirflowNotFoundException:
            continue
        found = {name: value for name, part in missing.items() if (value := getattr(connection, part))}
        for value in found.values():
            mask_secret(value)
        os.environ.update(found)


def send_due() -> dict:
    """Send what is due, with the secrets that Airflow keeps."""
    from outreach.send import send_due as send

    hand_over()
    return send()
