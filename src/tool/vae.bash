# Completion of bash for vae(1). A test holds the lists against the program's own.

_vae() {
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} options=
    if [ "$COMP_CWORD" -eq 1 ]; then
        COMPREPLY=($(compgen -W "train evaluate score encode decode reconstruct sample info plot pack help --help --version" -- "$current"))
        return
    fi
    case ${COMP_WORDS[1]} in
    train) options="--output --model --latent --encoder --decoder --likelihood --spec --prior --epochs --patience --batch --lr --optimizer --seed --data --columns --where --resume --plot --threads --quiet --help" ;;
    evaluate) options="--output --samples --fitted-on --frechet --seed --data --columns --threads --quiet --help" ;;
    score) options="--output --explain --threshold-quantile --threshold --samples --seed --data --columns --threads --quiet --help" ;;
    encode) options="--output --logvar --data --columns --threads --quiet --help" ;;
    decode) options="--output --data --columns --threads --quiet --help" ;;
    reconstruct) options="--output --data --columns --threads --quiet --help" ;;
    sample) options="--output --n --seed --temperature --sampler --steps --draw --threads --quiet --help" ;;
    info) options="--output --quiet --help" ;;
    plot) options="--output --data --columns --threads --quiet --help" ;;
    pack) options="--output --size --strict --quiet --help" ;;
    help) options="train evaluate score encode decode reconstruct sample info plot pack" ;;
    esac
    case $previous in
    --likelihood)
        COMPREPLY=($(compgen -W "auto bernoulli continuous_bernoulli gaussian discretized_logistic categorical \
            poisson negative_binomial" -- "$current"))
        return
        ;;
    esac
    if [ "${COMP_WORDS[1]}" = help ] || [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$current"))
    else
        compopt -o filenames
        COMPREPLY=($(compgen -f -- "$current"))
    fi
}
complete -F _vae vae
