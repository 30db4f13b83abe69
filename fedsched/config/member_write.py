"""Writes clusters/NAME.toml, commented for the person who reviews it; reading it back lives in members.py."""

# The layout of a member's file. One key per line; everything but `name`, `namespace` and `credential` may be missing.
# Names are those of settings.MemberFile, MemberTerms, DeclaredGroup, Overrides and Budgets unless noted.
#
#   name = "m1"                     # equals the file's name
#   namespace = "fedsched"
#   credential = "m1.json"          # relative to the federation's `credentials` folder
#   context = "site-admin@m1"       # for people
#   server = "https://…"            # for people
#   visibility = "full"             # full | nodes | namespace
#   mode = "trial(2)"               # observe | trial(n) | on
#   forms = ["startd-job"]
#   pools = []                      # names of pools; [] = all
#   principals = []                 # globs over "group.user@domain"; [] = everybody
#   requirements = ""               # ClassAd over a job
#   images = []
#   share = "user"                  # user | group | any
#   max_lifetime = "24h"            # duration: 90s, 30m, 24h, 7d or a number of seconds  -> max_lifetime_s
#   yield = "60s"                   # duration -> yield_s
#   allow_same_priority = false
#   price_per_core_hour = 0.0
#   daemonset_groups = []
#   autoscaled_groups = []
#   gpu_resources = ["nvidia.com/gpu", "amd.com/gpu"]
#   egress = ["10.1.2.3/32:9618"]   # CIDR[:port]
#
#   [place]                         # region, zone (text), latitude, longitude (degrees)
#   [labels]                        # key = "value": of the member            -> MemberFile.labels
#   [attributes]                    # Name = "ClassAd text"                   -> MemberTerms.attributes
#   [ceiling]                       # AMOUNTS                                 -> ceiling, ceiling_names = keys present
#   [pod_overhead]                  # AMOUNTS
#   [leave_free]                    # "group name or *" = { AMOUNTS }
#   [budgets]                       # fields of Budgets
#   [overrides]                     # fields of Overrides, but for `image`, which is MemberTerms.image as well;
#                                   # env, node_selector, labels, annotations are tables key = "value"
#   [[node_group]]                  # fields of DeclaredGroup: name, selector = {…}, attributes = {…},
#                                   # allocatable = { AMOUNTS }, nodes, gpu_resource, autoscaled, can_grow_to,
#                                   # grow = duration -> grow_s
#
# AMOUNTS: a table with the keys cpu ("8", "500m", 8, 0.5: cores), memory and disk ("96 GiB", "512 MiB", "96Gi", never a
# bare number), gpus (whole), pods (whole), and any extended resource by its Kubernetes name ("xilinx.com/fpga" = 1).
# Everything else, unknown keys included, is an error with file, line and key.

from __future__ import annotations
