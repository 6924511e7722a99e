// Has outsiders vouch for the control log while the service runs: witnesses cosign its checkpoints, authorities stamp
// them. In a thread of its own, because it waits for other people's machines; nothing that checks, signs or serves
// waits for it.
//
// A witness that has seen another log than this one ends the signing until somebody has looked: App::refuse_to_sign.
#pragma once
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/app.hpp"
#include "app/logging.hpp"
#include "app/stamping.hpp"
#include "app/witnessing.hpp"

namespace tilsyn::app {

class Attester {
  public:
    // Looks every `every` whether somebody is to be asked; how often each of them is, they say themselves.
    Attester(App& app, Duration every);
    ~Attester();  // within the patience with one witness or authority
    Attester(const Attester&) = delete;
    Attester& operator=(const Attester&) = delete;

    // After a start the witnesses are asked before anything new is signed: one of them may have seen more of this log
    // than there is. Returns when all have answered, or at the deadline.
    void wait_for_first_round(Deadline deadline);
    void stop();  // asks nobody any more

    struct State {
        std::vector<WitnessState> witnesses;
        std::vector<Stamper::Status> stamps;
    };
    State state() const;

  private:
    void work();
    void ask_witnesses();
    void ask_authorities();
    bool stopping() const;
    void tell(std::string_view event, const Error* error, const std::string& who = {});  // who: "" our own

    App* app_;
    Duration every_;
    Witnessing witnessing_;
    Stamper stamper_;
    Troubles troubles_;         // the thread's own
    mutable std::mutex mutex_;  // guards what follows
    std::condition_variable changed_;
    State state_;
    bool asked_ = false, stopping_ = false;
    std::thread thread_;
};

}  // namespace tilsyn::app
