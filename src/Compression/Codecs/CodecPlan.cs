namespace KvCluster.Compression.Codecs;

/// <summary>A spec whose stages were found and put in their places.</summary>
internal sealed class CodecPlan
{
    private CodecPlan(string spec, PlannedStage? projector, PlannedStage quantiser, PlannedStage? residual, string? profileSpec)
    {
        Spec = spec;
        Projector = projector;
        Quantiser = quantiser;
        Residual = residual;
        ProfileSpec = profileSpec;
    }

    /// <summary>Canonical.</summary>
    public string Spec { get; }

    public PlannedStage? Projector { get; }

    public PlannedStage Quantiser { get; }

    public PlannedStage? Residual { get; }

    /// <summary>The stages that need a Profile, spelled canonically; null when none does.</summary>
    public string? ProfileSpec { get; }

    /// <summary>The latest of the stages'.</summary>
    public string PayloadFormat
    {
        get
        {
            string format = Quantiser.Method.PayloadFormat;
            return Residual is not null && string.CompareOrdinal(Residual.Method.PayloadFormat, format) > 0 ? Residual.Method.PayloadFormat : format;
        }
    }

    /// <summary>Nothing is done to K and V.</summary>
    public bool IsRaw => Projector is null && Residual is null && Quantiser.Method.Name == "raw";

    /// <exception cref="CodecSpecException">A method or parameter does not exist, or stands where it can't.</exception>
    public static CodecPlan Make(CodecSpec spec, string text)
    {
        var places = new PlannedStage?[3];
        CodecRole? previous = null;
        foreach (CodecStage stage in spec.Stages)
        {
            CodecMethod method = Find(text, stage);
            if (previous >= method.Role)
            {
                throw new CodecSpecException(
                    text, stage.Position, $"'{stage.Name}' can't stand here: [projector +] quantiser [+ residual], at most one of each.");
            }

            previous = method.Role;
            places[(int)method.Role] = new PlannedStage(stage, method, new StageParameters(text, stage));
        }

        PlannedStage? residual = places[(int)CodecRole.Residual];
        if (places[(int)CodecRole.Quantiser] is { } named)
        {
            RefuseImplied(text, named, residual);
            RefuseImplied(text, named, places[(int)CodecRole.Projector]);
        }

        PlannedStage quantiser = places[(int)CodecRole.Quantiser] ?? Implied(text, residual ?? places[(int)CodecRole.Projector]!);
        string[] calibrated = [.. places.OfType<PlannedStage>().Where(place => place.Method.NeedsProfile).Select(place => place.Stage.ToString())];
        return new CodecPlan(
            spec.ToString(), places[(int)CodecRole.Projector], quantiser, residual, calibrated.Length == 0 ? null : string.Join("+", calibrated));
    }

    private static void RefuseImplied(string text, PlannedStage quantiser, PlannedStage? stage)
    {
        if (stage?.Method.ImpliedParameters.FirstOrDefault(stage.Parameters.Has) is { } name)
        {
            throw new CodecSpecException(
                text, stage.Stage.Position, $"'{name}' of '{stage.Stage.Name}' chooses a quantiser, and '{quantiser.Stage.Name}' is named already; leave one out.");
        }
    }

    private static PlannedStage Implied(string text, PlannedStage by)
    {
        CodecStage stage = CodecSpec.Parse(by.Method.ImpliedQuantiser(by.Parameters)).Stages[0];
        return new PlannedStage(stage, Find(text, stage), new StageParameters(text, stage));
    }

    private static CodecMethod Find(string text, CodecStage stage)
    {
        CodecMethod method = CodecMethods.All.FirstOrDefault(method => method.Name == stage.Name)
            ?? throw new CodecSpecException(text, stage.Position, $"There is no codec '{stage.Name}'.");
        foreach ((string name, _) in stage.Parameters)
        {
            if (!method.ParameterNames.Contains(name))
            {
                string known = method.ParameterNames.Length == 0 ? "none" : string.Join(", ", method.ParameterNames);
                throw new CodecSpecException(text, stage.Position, $"'{stage.Name}' has no parameter '{name}' (it has {known}).");
            }
        }

        return method;
    }
}
