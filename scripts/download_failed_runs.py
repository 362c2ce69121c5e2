# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "filelock>=3.13,<5",
#     "fsspec>=2024.6",
#     "jmespath>=1.0.1,<2",
#     "msgspec>=0.20,<1",
#     "pydantic>=2.10,<3",
#     "pyyaml>=6,<7",
#     "s3fs>=2024.6",
#     "tqdm>=4.66,<5",
#     "zstandard>=0.22,<1",
# ]
# ///
"""Fetches the archives of failed runs and extracts each into a folder of its own.

Reads .tar.gz, .tgz, .tar.zst and .zip files below --bucket-path: s3://, gs:// (needs the package
gcsfs), the file list of a web server (https://), or a local folder. Credentials come the usual way
of AWS (environment, profile, role); --anonymous uses none.

Writes <output-dir>/<run>/ for each archive, downloads.csv (how each ended, and why), and what it
needs to go on later in .downloads/. The same command run again fetches only what is missing,
failed or has changed; Ctrl-C ends it at once. An archive with an unsafe member (a path or link out
of its folder, a device, a setuid bit, a name twice, control characters, too many bytes or members)
is refused and nothing of it written.

Exit codes: 0 done; 1 refused (nothing to fetch), or some archive failed: the others are there;
2 usage.

Example: download_failed_runs.py --bucket-path s3://bucket/failed-runs/ --output-dir failed_runs
"""

import argparse
import sys
from collections import Counter
from pathlib import Path

from failure_analysis import cli

MOST_BYTES = 5_000_000_000


def main(argv: list[str] | None = None) -> int:
    """Parses the options and downloads."""
    parser = cli.parser(__doc__)
    parser.add_argument("--bucket-path", metavar="URL",
                        help="where the archives are (default: bucket_path of --mapping)")
    parser.add_argument("--mapping", type=Path, metavar="YAML",
                        help="a benchmark.yaml that names the bucket_path")
    parser.add_argument("--output-dir", type=Path, default=Path("failed_runs"), metavar="DIR",
                        help="where the runs go (./failed_runs)")
    parser.add_argument("--match", default="*", metavar="GLOB",
                        help="only archives whose path or name matches (default: all)")
    parser.add_argument("--dry-run", action="store_true", help="only list what would be fetched")
    parser.add_argument("--keep-compressed", action="store_true",
                        help="keep each archive beside its folder")
    parser.add_argument("--concurrent", type=int, default=5, metavar="N",
                        help="downloads at a time (default 5)")
    parser.add_argument("--max-extracted-bytes", type=int, default=MOST_BYTES, metavar="N",
                        help=f"the most that one archive may extract to (default {MOST_BYTES})")
    parser.add_argument("--endpoint-url", metavar="URL", help="another S3 server than Amazon's")
    parser.add_argument("--profile", metavar="NAME", help="the AWS profile whose credentials count")
    parser.add_argument("--anonymous", action="store_true", help="send no credentials")
    args = parser.parse_args(argv)
    if args.concurrent < 1 or args.max_extracted_bytes < 1:
        parser.error("--concurrent and --max-extracted-bytes are at least 1")
    if not args.bucket_path and not args.mapping:
        parser.error("give --bucket-path, or --mapping with a benchmark.yaml that has bucket_path")
    return cli.run(__file__, lambda: _download(args))


def _download(args: argparse.Namespace) -> int:
    from failure_analysis.archives import downloads

    url = args.bucket_path or _from_mapping(args.mapping)
    access = downloads.Access(args.endpoint_url, args.profile, args.anonymous)
    listing = downloads.find(url, access, args.match)
    if args.dry_run:
        results = downloads.planned(listing, args.output_dir)
    else:
        results = downloads.download(listing, args.output_dir, args.concurrent,
                                     args.keep_compressed, args.max_extracted_bytes)
    counts = Counter(result.state for result in results)
    cli.summarise(
        {"archives": len(results), "other_files": listing.others, **counts,
         "failures": {result.archive.run: result.reason for result in results if result.reason},
         "output_dir": args.output_dir.as_posix()},
        [*downloads.closing_table(results),
         f"{len(results)} archives: "
         + ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
         + (f"; {listing.others} other files passed over" if listing.others else ""),
         "nothing was written" if args.dry_run else
         f"runs and {downloads.TABLE}: {args.output_dir}"], args.json)
    return 1 if counts[downloads.FAILED] else 0


def _from_mapping(path: Path) -> str:
    from failure_analysis.files import Refusal
    from failure_analysis.reading import mapping_file

    url = mapping_file.settings(path).bucket_path
    if not url:
        raise Refusal(f"{path}: no bucket_path in it; add it, or pass --bucket-path")
    return url


if __name__ == "__main__":
    sys.exit(main())
