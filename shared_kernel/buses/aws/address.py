"""Which region of AWS is used, as a URL says it."""

import re

import attrs

_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-[0-9]{1,2}")


@attrs.frozen(kw_only=True)
class AwsAddress:
    """Credentials and endpoints are not part of it: boto3 has its own ways.

    For example AWS_ACCESS_KEY_ID, AWS_PROFILE, the role of the machine,
    AWS_ENDPOINT_URL.
    """

    scheme: str
    region: str

    @classmethod
    def of(cls, url: str, scheme: str = "sns+sqs") -> "AwsAddress":
        """Raises ValueError, which names the accepted values."""
        found, _, region = url.partition("://")
        region = region.removesuffix("/")
        if found != scheme or _REGION.fullmatch(region) is None:
            raise ValueError(
                f"{scheme}:// and a region of AWS, such as {scheme}://eu-west-1; boto3 "
                "finds credentials, for example in AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY or AWS_PROFILE"
            )
        return cls(scheme=scheme, region=region)

    @property
    def shown(self) -> str:
        return f"{self.scheme}://{self.region}"
