#include "commands.hpp"

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return tilsyn::commands::run(arguments, tilsyn::cli::Terminal::standard());
}
