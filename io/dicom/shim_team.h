/* For the .cc files of io only: a team that ends with its scope and takes lambdas. */
#pragma once

#include "ulite/resources.h"

class ShimTeam {
  public:
    ShimTeam(size_t items, int threads) : team(ul_team_create_for(items, threads)) {
    }
    ~ShimTeam() {
        ul_team_close(team);
    }
    ShimTeam(const ShimTeam &) = delete;
    ShimTeam &operator=(const ShimTeam &) = delete;

    /* Calls work(item), which must not throw, for the items 0 .. count - 1, in any order. */
    template <class Work> void each(size_t count, Work work) {
        auto call = [](void *context, size_t item, int) noexcept {
            (*static_cast<Work *>(context))(item);
        };
        ul_team_for(team, count, call, &work);
    }

  private:
    ul_team *team;
};
