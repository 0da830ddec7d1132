"""Spark's access to S3: Hadoop's connector S3A with its magic committer.

The magic committer writes the files of a task as multipart uploads to their final keys and completes the uploads when
the job commits, so nothing is renamed, which on S3 would be a copy of every file.
"""

from typing import Final

from leapline.settings import Settings
from leapline.storage.s3 import region_of_environment

_CREDENTIALS: Final = ",".join(
    (
        # Spark sends the keys in the driver's environment to the executors; these two use them there.
        "org.apache.hadoop.fs.s3a.TemporaryAWSCredentialsProvider",
        "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        # As boto3: environment, web identity, profile, container, instance.
        "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider",
    )
)
_COMMITTER: Final = {
    "spark.hadoop.mapreduce.outputcommitter.factory.scheme.s3a": "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
    "spark.hadoop.fs.s3a.committer.name": "magic",
    "spark.sql.sources.commitProtocolClass": "org.apache.spark.internal.io.cloud.PathOutputCommitProtocol",
    "spark.sql.parquet.output.committer.class": "org.apache.spark.internal.io.cloud.BindingParquetOutputCommitter",
}
# With S3A's defaults a service that does not answer, or always asks to slow down, blocks a step for many minutes. The
# upload of a part has a time limit of its own, 15 minutes.
_PATIENCE: Final = {
    "spark.hadoop.fs.s3a.attempts.maximum": "3",
    "spark.hadoop.fs.s3a.retry.limit": "2",
    "spark.hadoop.fs.s3a.retry.throttle.limit": "6",
    "spark.hadoop.fs.s3a.connection.establish.timeout": "15s",
    "spark.hadoop.fs.s3a.connection.request.timeout": "15s",
    "spark.hadoop.fs.s3a.connection.timeout": "60s",
}


def s3a_options(settings: Settings) -> dict[str, str]:
    """Return Spark's options for buckets; none if the installation uses no bucket."""
    if not settings.uses_buckets:
        return {}
    return {
        "spark.hadoop.fs.s3a.aws.credentials.provider": _CREDENTIALS,
        **_COMMITTER,
        **_PATIENCE,
        **_endpoint_options(settings),
    }


def _endpoint_options(settings: Settings) -> dict[str, str]:
    region = settings.s3_region or region_of_environment()
    if settings.s3_endpoint:
        return {
            "spark.hadoop.fs.s3a.endpoint": settings.s3_endpoint,
            "spark.hadoop.fs.s3a.endpoint.region": region or "us-east-1",
            "spark.hadoop.fs.s3a.path.style.access": "true",
        }
    return {"spark.hadoop.fs.s3a.endpoint.region": region} if region else {}
