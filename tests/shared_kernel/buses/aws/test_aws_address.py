"""URLs that name a region of AWS."""

import pytest

from shared_kernel.buses.aws.address import AwsAddress


@pytest.mark.parametrize(
    "region", ["eu-west-1", "us-gov-west-1", "cn-north-1", "ap-southeast-12"]
)
def test_a_url_names_a_region(region: str) -> None:
    address = AwsAddress.of(f"sns+sqs://{region}")

    assert address.region == region
    assert address.shown == f"sns+sqs://{region}"


@pytest.mark.parametrize(
    "url",
    [
        "sns+sqs://",
        "sns+sqs:eu-west-1",
        "sqs://eu-west-1",
        "sns+sqs://eu-west-1/queue",
        "sns+sqs://eu-west-1:443",
        "sns+sqs://key:secret@eu-west-1",
        "sns+sqs://EU-WEST-1",
        "sns+sqs://localhost",
    ],
)
def test_any_other_url_is_refused_with_what_is_right(url: str) -> None:
    with pytest.raises(ValueError, match=r"sns\+sqs://eu-west-1") as refused:
        AwsAddress.of(url)

    assert "secret@" not in str(refused.value)


def test_queues_have_a_scheme_of_their_own() -> None:
    assert AwsAddress.of("sqs://eu-west-1", "sqs").shown == "sqs://eu-west-1"
