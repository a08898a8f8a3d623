"""Providers, events, authority, ISO 15118-20."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None


def upgrade() -> None:
    """Change the tables."""
    op.create_table(
        "pcp_provisioning_iso20",
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("sub_ca1", sa.LargeBinary(), nullable=False),
        sa.Column("sub_ca2", sa.LargeBinary(), nullable=True),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("v2g_root_key_ids", sa.Text(), nullable=False),
        sa.Column("previous_pcid", sa.String(length=18), nullable=True),
        sa.Column("root_name", sa.Text(), nullable=False),
        sa.Column("root_serial", sa.String(length=40), nullable=False),
        sa.Column("root_key_id", sa.LargeBinary(), nullable=False),
        sa.Column("registered_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("pcid"),
    )
    op.create_table(
        "ccp_contract_iso20",
        sa.Column("emaid", sa.String(length=15), nullable=False),
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("receiver_key", sa.String(length=64), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("not_after", sa.DateTime(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("emaid"),
    )
    with op.batch_alter_table("ccp_contract_iso20") as batch_op:
        batch_op.create_index(
            "ccp_one_default_iso20",
            ["pcid"],
            unique=True,
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )
        batch_op.create_index(batch_op.f("ix_ccp_contract_iso20_pcid"), ["pcid"], unique=False)

    op.create_table(
        "ccp_bundle_iso20",
        sa.Column("emaid", sa.String(length=15), nullable=False),
        sa.Column("v2g_root_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("cps_not_after", sa.DateTime(), nullable=False),
        sa.Column("stored_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["emaid"], ["ccp_contract_iso20.emaid"], onupdate="CASCADE", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("emaid", "v2g_root_fingerprint"),
    )
    op.create_table(
        "oem_vehicle_iso20",
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("key_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("provisioning", sa.LargeBinary(), nullable=False),
        sa.Column("vehicle", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("pcid"),
        sa.UniqueConstraint("key_fingerprint"),
    )
    op.create_table(
        "event_log",
        sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("event_type", sa.String(length=40), nullable=False),
        sa.Column("namespace", sa.String(length=100), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("emaid", sa.String(length=15), nullable=True),
        sa.Column("pcid", sa.String(length=18), nullable=True),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
        sa.UniqueConstraint("event_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("event_log") as batch_op:
        batch_op.create_index("event_log_by_car", ["pcid", "sequence"], unique=False)
        batch_op.create_index("event_log_by_contract", ["emaid", "sequence"], unique=False)
        batch_op.create_index("event_log_by_type", ["event_type", "sequence"], unique=False)

    op.create_table(
        "event_endpoint",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("api_version", sa.String(length=20), nullable=False),
        sa.Column("enabled_events", sa.Text(), nullable=False),
        sa.Column("metadata", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("wmi", sa.String(length=3), nullable=False),
        sa.Column("provider", sa.String(length=5), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(), nullable=True),
        sa.Column("undelivered", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "event_dead_letter",
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["endpoint_id"], ["event_endpoint.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("endpoint_id", "sequence"),
    )
    op.create_table(
        "telematics_contract",
        sa.Column("emaid", sa.String(length=15), nullable=False),
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("item_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("namespace", sa.String(length=100), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("valid_until", sa.DateTime(), nullable=False),
        sa.Column("v2g_root_fingerprint", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("queued_at", sa.DateTime(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(), nullable=True),
        sa.Column("settled_at", sa.DateTime(), nullable=True),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("emaid"),
    )
    with op.batch_alter_table("telematics_contract") as batch_op:
        batch_op.create_index(batch_op.f("ix_telematics_contract_changed_at"), ["changed_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_telematics_contract_pcid"), ["pcid"], unique=False)

    op.create_table(
        "telematics_event",
        sa.Column("event_id", sa.String(length=36), nullable=False),
        sa.Column("event_type", sa.String(length=40), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("event_id"),
    )
    with op.batch_alter_table("telematics_event") as batch_op:
        batch_op.create_index(batch_op.f("ix_telematics_event_at"), ["at"], unique=False)

    op.create_table(
        "telematics_proof",
        sa.Column("nonce", sa.String(length=32), nullable=False),
        sa.Column("expires_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("nonce"),
    )
    with op.batch_alter_table("telematics_proof") as batch_op:
        batch_op.create_index(batch_op.f("ix_telematics_proof_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "telematics_setting",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "access_key",
        sa.Column("slot", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("private_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("slot"),
    )
    op.create_table(
        "authority_issuer",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("crl_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("fingerprint"),
    )
    op.create_table(
        "authority_certificate",
        sa.Column("issuer_id", sa.Integer(), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("pcid", sa.String(length=18), nullable=True),
        sa.Column("not_after", sa.DateTime(), nullable=False),
        sa.Column("registered_at", sa.DateTime(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.String(length=24), nullable=True),
        sa.ForeignKeyConstraint(
            ["issuer_id"],
            ["authority_issuer.id"],
        ),
        sa.PrimaryKeyConstraint("issuer_id", "serial"),
    )
    with op.batch_alter_table("authority_certificate") as batch_op:
        batch_op.create_index(
            "authority_certificate_revoked",
            ["issuer_id", "serial"],
            unique=False,
            sqlite_where=sa.text("revoked_at IS NOT NULL"),
            postgresql_where=sa.text("revoked_at IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_authority_certificate_name"), ["name"], unique=False)
        batch_op.create_index(batch_op.f("ix_authority_certificate_pcid"), ["pcid"], unique=False)

    op.create_table(
        "authority_crl",
        sa.Column("issuer_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("next_update", sa.DateTime(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issuer_id"],
            ["authority_issuer.id"],
        ),
        sa.PrimaryKeyConstraint("issuer_id"),
    )
    op.create_table(
        "register_vehicle",
        sa.Column("vin", sa.String(length=17), nullable=False),
        sa.Column("number", sa.String(length=12), nullable=False),
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("keeper", sa.String(length=200), nullable=False),
        sa.Column("document_sha256", sa.String(length=64), nullable=False),
        sa.Column("wrong_tries", sa.Integer(), nullable=False),
        sa.Column("registered_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("vin"),
        sa.UniqueConstraint("number"),
        sa.UniqueConstraint("pcid"),
    )
    op.create_table(
        "federation_car",
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("pcid"),
    )
    op.create_table(
        "federation_car_iso20",
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("pcid"),
    )
    op.create_table(
        "federation_notice",
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("pcid", sa.String(length=18), nullable=False),
        sa.Column("recorded_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("peer", "pcid"),
    )
    op.create_table(
        "federation_root",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("root_type", sa.String(length=8), nullable=False),
        sa.Column("peer", sa.String(length=32), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("fetched_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "root_type"),
    )
    with op.batch_alter_table("msp_contract") as batch_op:
        batch_op.add_column(sa.Column("certificate", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("renewal", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("certificate_iso20", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("renewal_iso20", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("ending_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("ended_at", sa.DateTime(), nullable=True))
        batch_op.add_column(sa.Column("end_reason", sa.String(length=40), nullable=True))
        batch_op.create_index(
            "msp_contract_ending",
            ["onboarded_at"],
            unique=False,
            sqlite_where=sa.text("ending_at IS NOT NULL"),
            postgresql_where=sa.text("ending_at IS NOT NULL"),
        )

    with op.batch_alter_table("oem_vehicle") as batch_op:
        batch_op.add_column(sa.Column("vin", sa.String(length=17), nullable=True))
        batch_op.add_column(sa.Column("region", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("previous_pcid", sa.String(length=18), nullable=True))
        batch_op.add_column(sa.Column("code_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("code_reference", sa.String(length=15), nullable=True))
        batch_op.add_column(sa.Column("code_wrong_tries", sa.Integer(), nullable=True))
        batch_op.create_unique_constraint("oem_vehicle_vin_key", ["vin"])


def downgrade() -> None:
    """Change them back."""
    with op.batch_alter_table("oem_vehicle") as batch_op:
        batch_op.drop_constraint("oem_vehicle_vin_key", type_="unique")
        batch_op.drop_column("code_wrong_tries")
        batch_op.drop_column("code_reference")
        batch_op.drop_column("code_sha256")
        batch_op.drop_column("previous_pcid")
        batch_op.drop_column("region")
        batch_op.drop_column("vin")

    with op.batch_alter_table("msp_contract") as batch_op:
        batch_op.drop_index(
            "msp_contract_ending",
            sqlite_where=sa.text("ending_at IS NOT NULL"),
            postgresql_where=sa.text("ending_at IS NOT NULL"),
        )
        batch_op.drop_column("end_reason")
        batch_op.drop_column("ended_at")
        batch_op.drop_column("ending_at")
        batch_op.drop_column("renewal_iso20")
        batch_op.drop_column("certificate_iso20")
        batch_op.drop_column("renewal")
        batch_op.drop_column("certificate")

    op.drop_table("federation_root")
    op.drop_table("federation_notice")
    op.drop_table("federation_car_iso20")
    op.drop_table("federation_car")
    op.drop_table("register_vehicle")
    op.drop_table("authority_crl")
    with op.batch_alter_table("authority_certificate") as batch_op:
        batch_op.drop_index(batch_op.f("ix_authority_certificate_pcid"))
        batch_op.drop_index(batch_op.f("ix_authority_certificate_name"))
        batch_op.drop_index(
            "authority_certificate_revoked",
            sqlite_where=sa.text("revoked_at IS NOT NULL"),
            postgresql_where=sa.text("revoked_at IS NOT NULL"),
        )

    op.drop_table("authority_certificate")
    op.drop_table("authority_issuer")
    op.drop_table("access_key")
    op.drop_table("telematics_setting")
    with op.batch_alter_table("telematics_proof") as batch_op:
        batch_op.drop_index(batch_op.f("ix_telematics_proof_expires_at"))

    op.drop_table("telematics_proof")
    with op.batch_alter_table("telematics_event") as batch_op:
        batch_op.drop_index(batch_op.f("ix_telematics_event_at"))

    op.drop_table("telematics_event")
    with op.batch_alter_table("telematics_contract") as batch_op:
        batch_op.drop_index(batch_op.f("ix_telematics_contract_pcid"))
        batch_op.drop_index(batch_op.f("ix_telematics_contract_changed_at"))

    op.drop_table("telematics_contract")
    op.drop_table("event_dead_letter")
    op.drop_table("event_endpoint")
    with op.batch_alter_table("event_log") as batch_op:
        batch_op.drop_index("event_log_by_type")
        batch_op.drop_index("event_log_by_contract")
        batch_op.drop_index("event_log_by_car")

    op.drop_table("event_log")
    op.drop_table("oem_vehicle_iso20")
    op.drop_table("ccp_bundle_iso20")
    with op.batch_alter_table("ccp_contract_iso20") as batch_op:
        batch_op.drop_index(batch_op.f("ix_ccp_contract_iso20_pcid"))
        batch_op.drop_index(
            "ccp_one_default_iso20",
            sqlite_where=sa.text("is_default"),
            postgresql_where=sa.text("is_default"),
        )

    op.drop_table("ccp_contract_iso20")
    op.drop_table("pcp_provisioning_iso20")
